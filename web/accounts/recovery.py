"""Recovery codes: what opens an account when the device that makes its codes is lost. Ten, each
good once, kept as keyed hashes."""

from __future__ import annotations

import secrets
from typing import Final

COUNT: Final = 10
# Crockford's alphabet: none of its letters is taken for another. 16 of them are 80 bits.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 16
_GROUP: Final = 4
_READ_AS: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": ""})


def new_codes() -> tuple[str, ...]:
    """As they are shown, such as `7h2k-9m3p-x4tq-r6vz`."""
    return tuple(_shown(_code()) for _ in range(COUNT))


def canonical(code: str) -> str:
    """As it is hashed, however it was typed."""
    return code.lower().translate(_READ_AS)


def _code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _shown(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
