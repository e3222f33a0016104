"""The domain's words against the list of what in them is a patient's (actors.domain.privacy)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from actors.domain.privacy import PATIENT, PRIVATE
from actors.domain.registry import KINDS
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location, Note, Phone
from storage.encryption.document import Document, open_all, seal_all
from storage.encryption.key_store_memory import MemoryKeyStore
from tests.unit.actors.domain.test_words import values, words
from tests.unit.storage.encryption.vaults import opened

# Texts that people type, numbers to call, places where somebody needs help, what triage asked.
_TEXTS = tuple(inspect.type_info(one) for one in (Note, Phone))
_STRUCTS = (Location, TriageAnswers)
# Where a hospital stands is nobody's secret; where its patient comes from is another field.
_PUBLIC = {("EmergencyCard", "destination")}
# Plans of crews, and nothing of any patient.
_OF_NOBODY = {"shift"}


@pytest.mark.parametrize(("decoded_as", "word"), words(), ids=lambda w: getattr(w, "__name__", ""))
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
async def test_whatever_was_erased_in_it_a_word_is_still_read(
    decoded_as: Any, word: type[Any], data: st.DataObject
) -> None:
    text = msgspec.json.encode(data.draw(values(inspect.type_info(word))))
    async with opened(MemoryKeyStore()) as vault:
        (sealed,) = await seal_all(vault, [Document(text, b"here", "ann")])
        for patient in _patients(msgspec.json.decode(text)) | {"ann"}:
            await vault.destroy(patient)
        ((left),) = await open_all(vault, [(sealed, b"here")])
    msgspec.json.decode(left.text, type=decoded_as)


def _patients(node: Any) -> set[str]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    named = {node[PATIENT]} if isinstance(node, dict) and node.get(PATIENT) else set()
    return named.union(*map(_patients, inner))


def _fields(type_: inspect.Type, seen: set[type]) -> Iterator[tuple[str, str, inspect.Type]]:
    """(Struct, field, its type without None or tuple), of all Structs within."""
    match type_:
        case inspect.StructType(cls=cls, fields=fields) if cls not in seen:
            seen.add(cls)
            for field in fields:
                for leaf in _leaves(field.type):
                    yield cls.__name__, field.name, leaf
                    yield from _fields(leaf, seen)


def _leaves(type_: inspect.Type) -> Iterator[inspect.Type]:
    match type_:
        case inspect.UnionType(types=types):
            for one in types:
                yield from _leaves(one)
        case inspect.VarTupleType(item_type=item):
            yield from _leaves(item)
        case inspect.DictType(value_type=item):
            yield from _leaves(item)
        case _:
            yield type_


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_for_texts_numbers_and_places_of_patients_is_private(kind: str) -> None:
    behaviour, seen = KINDS[kind], set[type]()
    types = inspect.multi_type_info([behaviour.event_type, behaviour.state_type])
    found = [
        (struct, name)
        for type_ in types
        for leaf in _leaves(type_)
        for struct, name, of in _fields(leaf, seen)
        if of in _TEXTS or (isinstance(of, inspect.StructType) and of.cls in _STRUCTS)
    ]
    assert [one for one in found if one[1] not in PRIVATE and one not in _PUBLIC] == []
    assert bool(found) is (kind not in _OF_NOBODY)
