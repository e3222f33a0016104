"""Sealing without a database: files of this machine that must be writable when all else is away."""

from __future__ import annotations

from storage.encryption.envelope import Cipher
from storage.encryption.errors import BadSeal
from storage.encryption.master_key import MasterKeys


class LocalSealer:
    """Seals under a key derived from the current master key, for one `purpose`.

    While the master key is being changed it opens what either sealed. There is no erasing one
    person's part of it: for what is soon moved elsewhere and then deleted.
    """

    def __init__(self, master_keys: MasterKeys, purpose: str) -> None:
        keys = master_keys.derived(f"local: {purpose}")
        # The id field of the layout has no table behind it here.
        self._ciphers = [Cipher(0, key) for key in keys]

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return self._ciphers[0].seal(plaintext, context)

    def open(self, data: bytes, context: bytes) -> bytes:
        """Raises BadSeal."""
        for cipher in self._ciphers[:-1]:
            try:
                return cipher.open(data, context)
            except BadSeal:
                continue
        return self._ciphers[-1].open(data, context)
