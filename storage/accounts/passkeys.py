"""Passkeys, and the challenges that were used."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.passkey_table import Passkey, PasskeyChallenge
from storage.accounts.sealing import Sealer
from storage.records.database import Database


class CredentialTaken(Exception):
    """There is a passkey of this credential already, of whichever account."""


class _Sealed(Struct, frozen=True):
    credential_id: bytes
    public_key: bytes
    name: str
    transports: tuple[str, ...]
    synced: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Sealed).decode


class Passkeys:
    """All methods raise RecordsUnavailable. Several inside one `Database.transaction` are one."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def by_credential(self, credential_id: bytes) -> PasskeyRow | None:
        async with self._database.visit():
            rows: list[dict[str, Any]] = await Passkey.select().where(
                Passkey.digest == self._sealer.passkey_digest(credential_id)
            )
        return self._row(rows[0]) if rows else None

    async def of_account(self, account_id: str) -> tuple[PasskeyRow, ...]:
        """Oldest first."""
        async with self._database.visit():
            rows: list[dict[str, Any]] = await (
                Passkey.select().where(Passkey.account_id == UUID(account_id)).order_by(Passkey.id)
            )
        return tuple(map(self._row, rows))

    async def count(self, account_id: str) -> int:
        async with self._database.visit():
            found: int = await Passkey.count().where(Passkey.account_id == UUID(account_id))
        return found

    async def add(self, row: PasskeyRow) -> None:
        """Raises CredentialTaken; the transaction it is in, if any, has failed then."""
        clear = _Sealed(row.credential_id, row.public_key, row.name, row.transports, row.synced)
        passkey = Passkey(
            id=UUID(row.id),
            account_id=UUID(row.account_id),
            digest=self._sealer.passkey_digest(row.credential_id),
            sealed=self._sealer.seal("passkey", _bound(row.id, row.account_id), _encode(clear)),
            sign_count=row.sign_count,
            created_at=row.created_at,
            used_at=row.used_at,
        )
        async with self._database.visit():
            try:
                await Passkey.insert(passkey)
            except asyncpg.UniqueViolationError:
                raise CredentialTaken from None

    async def used(self, id_: str, sign_count: int, at: datetime) -> bool:
        """Take over the count that came with a good signature; False where it is not above the one
        that is known (of an authenticator that does not count, both are 0), or the passkey is gone.

        One statement: of two uses with one count, one is taken.
        """
        above = Passkey.sign_count < sign_count if sign_count else Passkey.sign_count == 0
        values: dict[Any, Any] = {Passkey.sign_count: sign_count, Passkey.used_at: at}
        async with self._database.visit():
            taken = await (
                Passkey.update(values)
                .where(Passkey.id == UUID(id_))
                .where(above)
                .returning(Passkey.id)
            )
        return bool(taken)

    async def remove(self, account_id: str, id_: str) -> bool:
        """False where the account has no such passkey."""
        async with self._database.visit():
            removed = await (
                Passkey.delete()
                .where(Passkey.id == UUID(id_))
                .where(Passkey.account_id == UUID(account_id))
                .returning(Passkey.id)
            )
        return bool(removed)

    async def remove_all(self, account_id: str) -> int:
        """How many there were."""
        async with self._database.visit():
            removed = await (
                Passkey.delete().where(Passkey.account_id == UUID(account_id)).returning(Passkey.id)
            )
        return len(removed)

    # Challenges.

    async def use_challenge(self, challenge: bytes, expires_at: datetime) -> bool:
        """False where it was used before, here or by another process."""
        row = PasskeyChallenge(digest=sha256(challenge).digest(), expires_at=expires_at)
        async with self._database.visit():
            used = await (
                PasskeyChallenge.insert(row)
                .on_conflict(target=PasskeyChallenge.digest, action="DO NOTHING")
                .returning(PasskeyChallenge.digest)
            )
        return bool(used)

    async def prune(self, now: datetime) -> None:
        """Forget challenges that would not be taken any more for their age."""
        async with self._database.visit():
            await PasskeyChallenge.delete().where(PasskeyChallenge.expires_at < now)

    def _row(self, values: dict[str, Any]) -> PasskeyRow:
        id_, account_id = str(values["id"]), str(values["account_id"])
        clear = _decode(
            self._sealer.open("passkey", _bound(id_, account_id), bytes(values["sealed"]))
        )
        return PasskeyRow(
            id=id_,
            account_id=account_id,
            credential_id=clear.credential_id,
            public_key=clear.public_key,
            name=clear.name,
            transports=clear.transports,
            synced=clear.synced,
            sign_count=values["sign_count"],
            created_at=values["created_at"],
            used_at=values["used_at"],
        )


def _bound(id_: str, account_id: str) -> str:
    return f"{id_}:{account_id}"
