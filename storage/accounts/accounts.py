"""Accounts, the links they are sent, and their recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import asyncpg

from storage.accounts.row import (
    AccountRole,
    AccountRow,
    AccountStatus,
    LinkPurpose,
    LinkRow,
    LinksMade,
)
from storage.accounts.sealing import Sealer
from storage.accounts.table import Account, AccountLink, RecoveryCode
from storage.records.database import Database

# Links are counted over this time, also those whose own time is over.
COUNTED_FOR: Final = timedelta(days=1)

_MADE: Final = """
SELECT count(*) AS all_of_them, count(*) FILTER (WHERE counted_as = {}) AS alike,
       coalesce(bool_or(expires_at > {}), false) AS live
FROM account_link WHERE account_id = {} AND purpose = {} AND created_at > {}
"""


class AddressTaken(Exception):
    """Another account has this address of mail, or speaks for this subject in this role."""


class Accounts:
    """All methods raise RecordsUnavailable. Several inside one `Database.transaction` are one."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    # Found by ...

    async def by_id(self, id_: str, *, lock: bool = False) -> AccountRow | None:
        """`lock`: nobody else changes it until the transaction ends."""
        return await self._one(Account.id == UUID(id_), lock)

    async def by_email(self, email: str, *, lock: bool = False) -> AccountRow | None:
        return await self._one(Account.email_digest == self._sealer.email_digest(email), lock)

    async def by_subject(self, role: AccountRole, subject: str) -> AccountRow | None:
        return await self._one((Account.role == role) & (Account.subject == subject), False)

    async def list(self, before: str | None, limit: int) -> tuple[tuple[AccountRow, ...], bool]:
        """Newest first, those with ids below `before`; and whether there are more."""
        async with self._database.visit():
            query = Account.select().order_by(Account.id, ascending=False).limit(limit + 1)
            if before is not None:
                query = query.where(Account.id < UUID(before))
            rows: list[dict[str, Any]] = await query
        return tuple(map(self._row, rows[:limit])), len(rows) > limit

    async def _one(self, where: Any, lock: bool) -> AccountRow | None:
        async with self._database.visit():
            query = Account.select().where(where)
            if lock:
                query = query.lock_rows("UPDATE")
            rows: list[dict[str, Any]] = await query
        return self._row(rows[0]) if rows else None

    # Changed.

    async def add(self, row: AccountRow) -> None:
        """Raises AddressTaken."""
        async with self._database.visit():
            try:
                await Account.insert(Account(**self._columns(row)))
            except asyncpg.UniqueViolationError:
                raise AddressTaken from None

    async def change(self, row: AccountRow, was: AccountStatus, *names: str) -> bool:
        """Write these fields of an account that is still in the status `was`; whether it was.

        Raises AddressTaken.
        """
        columns = self._columns(row)
        if "email" in names:
            names = (*names, "email_digest")
        values = {getattr(Account, name): columns[name] for name in names}
        async with self._database.visit():
            try:
                changed = await (
                    Account.update(values)
                    .where(Account.id == columns["id"])
                    .where(Account.status == was)
                    .returning(Account.id)
                )
            except asyncpg.UniqueViolationError:
                raise AddressTaken from None
        return bool(changed)

    async def rehashed(self, id_: str, old: str, new: str) -> None:
        """The same password, hashed anew, unless it was changed meanwhile."""
        async with self._database.visit():
            await (
                Account.update({Account.password: new})
                .where(Account.id == UUID(id_))
                .where(Account.password == old)
            )

    async def take_step(self, id_: str, step: int) -> bool:
        """Use up this time step's code: False where it, or a newer one, was used before."""
        async with self._database.visit():
            taken = await (
                Account.update({Account.totp_step: step})
                .where(Account.id == UUID(id_))
                .where(Account.totp_step < step)
                .returning(Account.id)
            )
        return bool(taken)

    async def remove(self, id_: str) -> None:
        """With all that hangs on it."""
        async with self._database.visit():
            await Account.delete().where(Account.id == UUID(id_))

    # Links.

    async def add_link(
        self, token: str, row: LinkRow, at: datetime, counted_as: str | None = None
    ) -> None:
        """`token`: at least 128 random bits, so that a plain hash of it is enough. `counted_as`: a
        name, kept as a hash, for `links_made`."""
        digest = _digest(token)
        sealed = self._sealer.seal(f"account.link.{row.purpose}", digest.hex(), row.payload)
        async with self._database.visit():
            await AccountLink.insert(
                AccountLink(
                    digest=digest,
                    account_id=UUID(row.account_id),
                    purpose=row.purpose,
                    sealed=sealed,
                    created_at=at,
                    expires_at=row.expires_at,
                    counted_as=self._counted(row.account_id, counted_as),
                )
            )

    async def links_made(
        self,
        account_id: str,
        purpose: LinkPurpose,
        counted_as: str,
        now: datetime,
        live_until: datetime,
    ) -> LinksMade:
        """Within COUNTED_FOR, but for those that were used. Live are those that are good beyond
        `live_until`."""
        counted = self._counted(account_id, counted_as)
        since, id_ = now - COUNTED_FOR, UUID(account_id)
        async with self._database.visit():
            rows: list[dict[str, Any]] = await AccountLink.raw(
                _MADE, counted, live_until, id_, purpose, since
            )
        return LinksMade(rows[0]["all_of_them"], rows[0]["alike"], rows[0]["live"])

    def _counted(self, account_id: str, name: str | None) -> bytes | None:
        return None if name is None else self._sealer.link_digest(account_id, name)

    async def link(self, token: str, purpose: LinkPurpose, now: datetime) -> LinkRow | None:
        """What this token was sent for, unless it was used or its time is over."""
        digest = _digest(token)
        async with self._database.visit():
            rows: list[dict[str, Any]] = await (
                AccountLink.select()
                .where(AccountLink.digest == digest)
                .where(AccountLink.purpose == purpose)
                .where(AccountLink.expires_at > now)
            )
        if not rows:
            return None
        return LinkRow(
            account_id=str(rows[0]["account_id"]),
            purpose=purpose,
            payload=self._sealer.open(
                f"account.link.{purpose}", digest.hex(), bytes(rows[0]["sealed"])
            ),
            expires_at=rows[0]["expires_at"],
        )

    async def use_link(self, token: str) -> bool:
        """Take it away; False where somebody else just did."""
        async with self._database.visit():
            used = await (
                AccountLink.delete()
                .where(AccountLink.digest == _digest(token))
                .returning(AccountLink.digest)
            )
        return bool(used)

    async def drop_links(self, account_id: str, purposes: Iterable[LinkPurpose]) -> None:
        async with self._database.visit():
            await (
                AccountLink.delete()
                .where(AccountLink.account_id == UUID(account_id))
                .where(AccountLink.purpose.is_in(list(purposes)))
            )

    # Recovery codes.

    async def replace_codes(self, account_id: str, codes: Iterable[str]) -> None:
        """These codes and no others; none at all takes them away."""
        new = [
            RecoveryCode(
                digest=self._sealer.recovery_digest(account_id, code), account_id=UUID(account_id)
            )
            for code in codes
        ]
        async with self._database.visit():
            await RecoveryCode.delete().where(RecoveryCode.account_id == UUID(account_id))
            if new:
                await RecoveryCode.insert(*new)

    async def use_code(self, account_id: str, code: str, at: datetime) -> bool:
        """Use a recovery code up; False where there is no such code, or it was used."""
        async with self._database.visit():
            used = await (
                RecoveryCode.update({RecoveryCode.used_at: at})
                .where(RecoveryCode.digest == self._sealer.recovery_digest(account_id, code))
                .where(RecoveryCode.account_id == UUID(account_id))
                .where(RecoveryCode.used_at.is_null())
                .returning(RecoveryCode.digest)
            )
        return bool(used)

    async def codes_left(self, account_id: str) -> int:
        async with self._database.visit():
            left: int = await (
                RecoveryCode.count()
                .where(RecoveryCode.account_id == UUID(account_id))
                .where(RecoveryCode.used_at.is_null())
            )
        return left

    async def prune(self, now: datetime) -> None:
        """Forget links whose time is over and that are counted no more."""
        async with self._database.visit():
            await (
                AccountLink.delete()
                .where(AccountLink.expires_at < now)
                .where(AccountLink.created_at < now - COUNTED_FOR)
            )

    # Between rows and columns.

    def _columns(self, row: AccountRow) -> dict[str, Any]:
        seal = self._sealer.seal_text
        return {
            "id": UUID(row.id),
            "role": row.role,
            "subject": row.subject,
            "status": row.status,
            "email_digest": self._sealer.email_digest(row.email),
            "email": seal("account.email", row.id, row.email),
            "password": row.password,
            "totp": seal("account.totp", row.id, row.totp),
            "totp_offered": seal("account.totp_offered", row.id, row.totp_offered),
            "totp_offered_at": row.totp_offered_at,
            "totp_step": row.totp_step,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "verified_at": row.verified_at,
        }

    def _row(self, values: dict[str, Any]) -> AccountRow:
        id_, opened = str(values["id"]), self._sealer.open_text
        email = opened("account.email", id_, values["email"])
        assert email is not None
        return AccountRow(
            id=id_,
            role=values["role"],
            subject=values["subject"],
            status=values["status"],
            email=email,
            password=values["password"],
            totp=opened("account.totp", id_, values["totp"]),
            totp_offered=opened("account.totp_offered", id_, values["totp_offered"]),
            totp_offered_at=values["totp_offered_at"],
            totp_step=values["totp_step"],
            created_at=values["created_at"],
            updated_at=values["updated_at"],
            verified_at=values["verified_at"],
        )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
