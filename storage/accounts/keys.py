"""The keys that sign access tokens: private halves sealed, public halves for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from piccolo.querystring import QueryString

from storage.accounts.row import SigningKeyRow
from storage.accounts.sealing import Sealer
from storage.accounts.table import SigningKey
from storage.engine import current
from storage.records.database import Database

# Any number that nobody else takes on this database: "keys" in ASCII.
_LOCK: Final = 0x6B657973
# With each commit that changes them, for every process that has read them (endings.py listens).
CHANGED_CHANNEL: Final = "maxray_signing_keys"


class SigningKeys:
    """All methods raise RecordsUnavailable."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def lock(self) -> None:
        """Inside a transaction: of several that make keys, one at a time."""
        async with self._database.visit():
            await current().run_querystring(QueryString("SELECT pg_advisory_xact_lock({})", _LOCK))

    async def known(self, now: datetime) -> tuple[SigningKeyRow, ...]:
        """Those that still verify something, oldest first."""
        async with self._database.visit():
            rows: list[dict[str, Any]] = await (
                SigningKey.select()
                .where(SigningKey.verifies_until > now)
                .order_by(SigningKey.signs_from)
            )
        return tuple(map(self._row, rows))

    async def add(self, row: SigningKeyRow) -> None:
        """Inside a transaction. Those before it sign until it does, and verify as much longer as
        it will itself."""
        columns = {name: getattr(row, name) for name in SigningKeyRow.__struct_fields__}
        columns["private"] = self._sealer.seal("signing_key", row.kid, row.private)
        verifies_until = row.signs_from + (row.verifies_until - row.signs_until)
        ended: dict[Any, Any] = {
            SigningKey.signs_until: row.signs_from,
            SigningKey.verifies_until: verifies_until,
        }
        async with self._database.visit():
            await (
                SigningKey.update(ended)
                .where(SigningKey.signs_from < row.signs_from)
                .where(SigningKey.signs_until > row.signs_from)
            )
            await SigningKey.insert(SigningKey(**columns))
        await self._changed()

    async def forget_all(self) -> None:
        """Inside a transaction. Nothing that they signed verifies any more."""
        async with self._database.visit():
            await SigningKey.delete(force=True)
        await self._changed()

    async def _changed(self) -> None:
        async with self._database.visit():
            notify = QueryString("SELECT pg_notify({}, '')", CHANGED_CHANNEL)
            await current().run_querystring(notify)

    async def prune(self, before: datetime) -> None:
        """Forget keys that verify nothing since that time."""
        async with self._database.visit():
            await SigningKey.delete().where(SigningKey.verifies_until < before)

    def _row(self, values: dict[str, Any]) -> SigningKeyRow:
        private = self._sealer.open("signing_key", values["kid"], bytes(values["private"]))
        return SigningKeyRow(**{**values, "private": private, "public": bytes(values["public"])})
