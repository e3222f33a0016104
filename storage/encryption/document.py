"""JSON documents at rest: sealed as a whole, and in them each patient's part under their own key.

The whole is sealed under the SYSTEM key, so nothing stands clear, whatever is in it. What a patient
wrote or is known by (actors.domain.privacy) is first taken out of the objects it is in and sealed
under that patient's key, so that erasing a patient erases it in every document there is:

    {"patient_id": "p1", "symptoms": 0, "priority": 1, "sealed": {"of": "p1", "box": "…"}}

The 0, which no such field ever is, keeps its place: what is opened is what was sealed, byte for
byte. Once the patient is erased, the domain's markers come back instead.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from actors.domain.privacy import PATIENT, PRIVATE, private
from storage.encryption.envelope import sealed
from storage.encryption.errors import Erased
from storage.encryption.vault import SYSTEM, Vault

_SEALED: Final = "sealed"
# In a text of a user these quotes would be escaped.
_SAYS_WHOSE: Final = f'"{PATIENT}":"'.encode()
_HAS_BOXES: Final = f'"{_SEALED}":{{"of":"'.encode()
_TAKEN_OUT: Final = 0
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_Object = dict[str, Any]


class Document(Struct, frozen=True, gc=False):
    """A JSON text and where it stands (`context`). `patient`: whose it is where it does not say."""

    text: bytes
    context: bytes
    patient: str | None = None


class Opened(Struct, frozen=True, gc=False):
    """A text as it was sealed. `patient`: whose private part there was, of the first such part."""

    text: bytes
    patient: str | None = None


async def seal_all(vault: Vault, documents: Sequence[Document]) -> list[bytes]:
    """Each one sealed. Awaits only for the keys of patients who are not in memory.

    Raises what `Vault.prepare` raises.
    """
    texts = [(one.text, one.context) for one in documents]
    named = [
        (n, _Parted(one))
        for n, one in enumerate(documents)
        if one.patient is not None or _SAYS_WHOSE in one.text
    ]
    if named:
        await vault.prepare({patient for _, one in named for patient, _ in one.parts})
        for n, one in named:
            texts[n] = (one.text(vault), documents[n].context)
    return vault.seal_all(SYSTEM, texts)


async def open_all(vault: Vault, sealed_ones: Sequence[tuple[bytes, bytes]]) -> list[Opened]:
    """Each (sealed, context) opened; what is clear text of an older version, as it is.

    Awaits only for keys that are not in memory. Raises what `Vault.prepare` raises, and BadSeal.
    """
    unwrapped = [unwrap(vault, data, context) for data, context in sealed_ones]
    patients = {patient for one in unwrapped for patient in one.patients}
    if patients:
        await vault.prepare(patients)
    return [one.open(vault) for one in unwrapped]


def unwrap(vault: Vault, data: bytes, context: bytes) -> Unwrapped:
    """The outer seal taken off. Raises BadSeal."""
    return Unwrapped(vault.open(SYSTEM, data, context) if sealed(data) else data, context)


class Unwrapped:
    """A text, its patients' parts still sealed: `open` it once the keys of `patients` are there."""

    __slots__ = ("_boxes", "_context", "_text", "_tree")

    def __init__(self, text: bytes, context: bytes) -> None:
        self._text = text
        self._context = context
        self._boxes: Sequence[tuple[str, _Object]] = ()
        if _HAS_BOXES in text:
            self._tree = _decode(text)
            self._boxes = list(_boxes(self._tree))

    @property
    def patients(self) -> list[str]:
        return [patient for patient, _ in self._boxes]

    def open(self, vault: Vault) -> Opened:
        """Raises KeyNotLoaded, BadSeal."""
        if not self._boxes:
            return Opened(self._text)
        for patient, node in self._boxes:
            _put_back(vault, patient, node, self._context)
        return Opened(_encode(self._tree), self._boxes[0][0])


class _Parted:
    """A document that somebody is named in, its patients' parts found."""

    __slots__ = ("_document", "_tree", "parts")

    def __init__(self, document: Document) -> None:
        self._document = document
        self._tree = _decode(document.text)
        self.parts: Sequence[tuple[str, _Object]] = list(_parts(self._tree, document.patient))

    def text(self, vault: Vault) -> bytes:
        """With those parts sealed, by keys that are prepared."""
        if not self.parts:
            return self._document.text
        for patient, node in self.parts:
            _take_out(vault, patient, node, self._document.context)
        return _encode(self._tree)


def _parts(node: Any, patient: str | None) -> Iterator[tuple[str, _Object]]:
    """The objects with something private of a known patient."""
    if isinstance(node, dict):
        named = node.get(PATIENT)
        if isinstance(named, str):
            patient = named
        if patient is not None and any(private(name, value) for name, value in node.items()):
            yield patient, node
        for name, value in node.items():
            if name not in PRIVATE:
                yield from _parts(value, patient)
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value, patient)


def _take_out(vault: Vault, patient: str, node: _Object, context: bytes) -> None:
    own = {name: value for name, value in node.items() if private(name, value)}
    node.update(dict.fromkeys(own, _TAKEN_OUT))
    try:
        box = b64encode(vault.seal(patient, _encode(own), context)).decode()
    except Erased:  # what is still said about them is not kept
        box = ""
    node[_SEALED] = {"of": patient, "box": box}


def _boxes(node: Any) -> Iterator[tuple[str, _Object]]:
    if isinstance(node, dict):
        box = node.get(_SEALED)
        if isinstance(box, dict):
            yield box["of"], node
        for value in node.values():
            yield from _boxes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _boxes(value)


def _put_back(vault: Vault, patient: str, node: _Object, context: bytes) -> None:
    box = node.pop(_SEALED)["box"]
    try:
        own = _decode(vault.open(patient, b64decode(box), context)) if box else PRIVATE
    except Erased:
        own = PRIVATE
    for name, value in node.items():
        # Only a number, for False is equal to it; and one that was a 0 before was not taken out.
        if name in own and value == _TAKEN_OUT and type(value) is int:
            node[name] = own[name]
