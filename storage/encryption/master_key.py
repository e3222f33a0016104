"""Master keys: what wraps data keys, and never touches data itself.

`KeyWrapper` is the port; a key management service stands behind the same two calls. `MasterKeys`
is it by texts from the settings: one is current, and while the master key is being changed there
is a second one, so that data keys wrapped under either can be read.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from config import Settings
from storage.encryption.errors import BadSeal, UnknownMasterKey

_NONCE: Final = 12


class Wrapped(Struct, frozen=True):
    """A data key as it is stored, and under which master key."""

    master_id: str
    blob: bytes


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys; `context` is the scope, and must be the same for both."""

    @property
    def current(self) -> str:
        """The id of the master key that data keys are wrapped under from now on."""

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Raises KeysUnavailable."""

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Raises KeysUnavailable, UnknownMasterKey, BadSeal."""


class MasterKeys:
    """`KeyWrapper` by AES-256-GCM under keys derived from texts of at least 32 characters.

    The texts are taken for random, as the ones are that `maxray up` and `make-secrets` generate:
    nothing here slows a guesser of words down.
    """

    def __init__(self, current: str, *others: str) -> None:
        self._texts = (current, *others)
        self._ciphers = {
            _id(text): AESGCM(_derived(text, "wrap data keys")) for text in self._texts
        }
        self._current = _id(current)

    @classmethod
    def of(cls, settings: Settings) -> MasterKeys:
        """As the settings give them. Raises ValueError where they give none."""
        if settings.master_key is None:
            raise ValueError("the setting master_key is needed")
        spare = settings.spare_master_key
        return cls(settings.master_key.reveal(), *([] if spare is None else [spare.reveal()]))

    @property
    def current(self) -> str:
        return self._current

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for another use, one of each master key, the current one's first."""
        return tuple(_derived(text, purpose) for text in self._texts)

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        nonce = os.urandom(_NONCE)
        blob = nonce + self._ciphers[self._current].encrypt(nonce, key, context)
        return Wrapped(self._current, blob)

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        cipher = self._ciphers.get(wrapped.master_id)
        if cipher is None:
            raise UnknownMasterKey(wrapped.master_id)
        try:
            return cipher.decrypt(wrapped.blob[:_NONCE], wrapped.blob[_NONCE:], context)
        except InvalidTag:
            raise BadSeal("a wrapped data key was altered, or is another scope's") from None


def _derived(text: str, purpose: str) -> bytes:
    """RFC 5869. `purpose` keeps the keys of different uses apart."""
    info = f"maxray master key: {purpose}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(text.encode())


def _id(text: str) -> str:
    """Names a master key and tells nothing of it."""
    return _derived(text, "id")[:8].hex()
