"""How a person's row is sealed, and found again by keyed hashes of what is in it.

What can be looked up: a phone number, whole; a name by whole words of it, in any order, whatever
their case and accents. Not parts of words: a hash that matches those tells who has the database
too much about the names in it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from storage.encryption import EncryptionError, Vault
from storage.records.errors import RecordsUnavailable

S = TypeVar("S", bound=Struct)

_WORD: Final = re.compile(r"\w+")


def words(name: str) -> list[str]:
    """A name's words as they are compared: "Dr. José ÁLVAREZ" is dr, jose, alvarez."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    # Marks are taken off letters of scripts that have plain letters without them; in Indic
    # scripts they are the vowels (category Mc, and Mn beyond the Latin block).
    kept = "".join(c for c in plain if not "\u0300" <= c <= "\u036f")
    return sorted(set(_WORD.findall(unicodedata.normalize("NFC", kept))))


class RowSealer:
    """Seals the rows of one kind of record."""

    def __init__(self, vault: Vault, kind: str) -> None:
        self._vault = vault
        self._kind = kind

    async def prepare(self, *scopes: str) -> None:
        """Load these scopes' keys; until the next await they may be used. RecordsUnavailable."""
        try:
            await self._vault.prepare(scopes)
        except EncryptionError as error:
            raise RecordsUnavailable(str(error)) from error

    def seal(self, scope: str, id_: str, content: Struct) -> bytes:
        """The content of the row `id_`. Raises Erased."""
        return self._vault.seal(scope, msgspec.json.encode(content), self._context(id_))

    def open(self, scope: str, id_: str, data: bytes, type_: type[S]) -> S:
        """Raises Erased, BadSeal."""
        return msgspec.json.decode(self._vault.open(scope, data, self._context(id_)), type=type_)

    def name_digests(self, name: str) -> list[bytes]:
        """One for each word."""
        return [self._vault.digest(f"{self._kind}.name", word) for word in words(name)]

    def phone_digest(self, phone: str) -> bytes:
        """`phone`: in its one form, as web.checks makes it."""
        return self._vault.digest(f"{self._kind}.phone", phone)

    def _context(self, id_: str) -> bytes:
        return f"{self._kind}\n{id_}".encode()
