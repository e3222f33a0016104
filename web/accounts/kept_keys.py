"""The public halves of the signing keys, in a file of this machine: `DATA/verifying-keys.json`.

A worker that starts while PostgreSQL is away knows by them who calls for help. Nothing in them is
secret; whoever could change the file could read the master key beside it as well. A key that was
revoked leaves the file with the next reload of any worker here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from config import Settings
from storage.accounts.row import SigningKeyRow
from storage.embedded.folder import write_private

log = logging.getLogger(__name__)

FILE: Final = "verifying-keys.json"


class _Key(Struct, frozen=True, forbid_unknown_fields=True):
    """`until`: Unix seconds, when it verifies nothing any more."""

    kid: str
    public: bytes
    until: float


_decode = msgspec.json.Decoder(tuple[_Key, ...]).decode


class KeptKeys:
    """One file. Neither method raises: the keys are a help in need, and never in the way."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written: bytes | None = None

    @classmethod
    def of(cls, settings: Settings) -> KeptKeys:
        return cls(settings.data / FILE)

    def write(self, rows: Sequence[SigningKeyRow]) -> None:
        """These, and no others; does nothing where they are the same as last time. Blocks."""
        keys = [_Key(row.kid, row.public, row.verifies_until.timestamp()) for row in rows]
        text = msgspec.json.encode(keys)
        if text == self._written:
            return
        try:
            write_private(self._file, text.decode())
        except OSError as error:
            log.warning("the verifying keys are not kept: %s", error.strerror)
        else:
            self._written = text

    def read(self, now: float) -> dict[str, Ed25519PublicKey]:
        """Those that verify something at `now`, by kid; none where there is no such file."""
        try:
            found = _decode(self._file.read_bytes())
            return {
                one.kid: Ed25519PublicKey.from_public_bytes(one.public)
                for one in found
                if one.until > now
            }
        except FileNotFoundError:
            log.warning("no verifying keys are kept here: only `maxray token`'s are known")
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            log.error("the verifying keys cannot be read: %s", type(error).__name__)
        return {}
