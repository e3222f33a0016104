"""Sessions and their refresh tokens.

Whoever ends a session tells every process that listens (endings.py) in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

from storage.accounts.row import ClientInfo, RefreshRow, SessionRow
from storage.accounts.sealing import Sealer
from storage.accounts.table import RefreshToken, Session
from storage.records.database import Database

ENDED_CHANNEL: Final = "maxray_session_ended"

_END_ONE: Final = """
WITH ended AS (
    UPDATE session SET status = 'ended', ended_at = {}, ended_why = {}, ticket = NULL
    WHERE id = {} AND status <> 'ended' RETURNING id
)
SELECT id, pg_notify({}, id::text) FROM ended
"""
_END_ALL: Final = """
WITH ended AS (
    UPDATE session SET status = 'ended', ended_at = {}, ended_why = {}, ticket = NULL
    WHERE account_id = {} AND id <> {} AND status <> 'ended' RETURNING id
)
SELECT id, pg_notify({}, id::text) FROM ended
"""
# Sessions are kept for a while after their end, for their owner to see what there was.
_PRUNE: Final = "DELETE FROM session WHERE ended_at < {} OR expires_at < {}"
_NOBODY: Final = UUID(int=0)

_decode_client = msgspec.json.Decoder(ClientInfo).decode


class Sessions:
    """All methods raise RecordsUnavailable. Several inside one `Database.transaction` are one."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        on_ended: Callable[[tuple[str, ...]], None],
    ) -> None:
        """`on_ended` is told the ids of those that a method here ended; inside a transaction that
        is not committed yet."""
        self._database = database
        self._sealer = sealer
        self._on_ended = on_ended

    async def add(self, row: SessionRow, ticket: str | None = None) -> None:
        """`ticket`: what a challenged session is finished with; at least 128 random bits."""
        client = self._sealer.seal("session.client", row.id, msgspec.json.encode(row.client))
        async with self._database.visit():
            await Session.insert(
                Session(
                    id=UUID(row.id),
                    account_id=UUID(row.account_id),
                    status=row.status,
                    amr=list(row.amr),
                    client=client,
                    ticket=None if ticket is None else _digest(ticket),
                    attempts=row.attempts,
                    created_at=row.created_at,
                    seen_at=row.seen_at,
                    idle_at=row.idle_at,
                    expires_at=row.expires_at,
                    ended_at=row.ended_at,
                    ended_why=row.ended_why,
                )
            )

    async def by_id(self, id_: str, *, lock: bool = False) -> SessionRow | None:
        return await self._one(Session.id == UUID(id_), lock)

    async def by_ticket(self, ticket: str) -> SessionRow | None:
        return await self._one(Session.ticket == _digest(ticket), False)

    async def of_account(self, account_id: str) -> tuple[SessionRow, ...]:
        """Those that have not ended, newest first."""
        async with self._database.visit():
            rows: list[dict[str, Any]] = await (
                Session.select()
                .where(Session.account_id == UUID(account_id))
                .where(Session.status != "ended")
                .order_by(Session.id, ascending=False)
            )
        return tuple(map(self._row, rows))

    async def _one(self, where: Any, lock: bool) -> SessionRow | None:
        async with self._database.visit():
            query = Session.select().where(where)
            if lock:
                query = query.lock_rows("UPDATE")
            rows: list[dict[str, Any]] = await query
        return self._row(rows[0]) if rows else None

    async def attempted(self, id_: str, most: int) -> bool:
        """Count an attempt on a challenged session; False where there were `most` already."""
        async with self._database.visit():
            counted = await (
                Session.update({Session.attempts: Session.attempts + 1})
                .where(Session.id == UUID(id_))
                .where(Session.status == "challenged")
                .where(Session.attempts < most)
                .returning(Session.id)
            )
        return bool(counted)

    async def change(self, row: SessionRow, was: str) -> bool:
        """Write status, amr and times of a session that is still in the status `was`; whether it
        was. Its ticket is good no more. For ending: `end`."""
        async with self._database.visit():
            changed = await (
                Session.update(
                    {
                        Session.status: row.status,
                        Session.amr: list(row.amr),
                        Session.ticket: None,
                        Session.seen_at: row.seen_at,
                        Session.idle_at: row.idle_at,
                        Session.expires_at: row.expires_at,
                    }
                )
                .where(Session.id == UUID(row.id))
                .where(Session.status == was)
                .returning(Session.id)
            )
        return bool(changed)

    async def end(self, id_: str, why: str, at: datetime) -> bool:
        """False where it had ended, or never was."""
        async with self._database.visit():
            ended = bool(await Session.raw(_END_ONE, at, why, UUID(id_), ENDED_CHANNEL))
        if ended:
            self._on_ended((id_,))
        return ended

    async def end_all(
        self, account_id: str, why: str, at: datetime, except_id: str | None = None
    ) -> tuple[str, ...]:
        """The ids of those that it ended."""
        kept = _NOBODY if except_id is None else UUID(except_id)
        async with self._database.visit():
            rows: list[dict[str, Any]] = await Session.raw(
                _END_ALL, at, why, UUID(account_id), kept, ENDED_CHANNEL
            )
        ended = tuple(str(row["id"]) for row in rows)
        self._on_ended(ended)
        return ended

    # Refresh tokens.

    async def add_refresh(self, token: str, session_id: str, at: datetime) -> None:
        """A repeat of the same token changes nothing."""
        async with self._database.visit():
            await RefreshToken.insert(
                RefreshToken(digest=_digest(token), session_id=UUID(session_id), issued_at=at)
            ).on_conflict(target=RefreshToken.digest, action="DO NOTHING")

    async def refresh(self, token: str) -> RefreshRow | None:
        """Inside a transaction: nobody else uses it until that ends."""
        async with self._database.visit():
            rows: list[dict[str, Any]] = await (
                RefreshToken.select()
                .where(RefreshToken.digest == _digest(token))
                .lock_rows("UPDATE")
            )
        if not rows:
            return None
        found = rows[0]
        return RefreshRow(
            session_id=str(found["session_id"]),
            used_at=found["used_at"],
            retry_key=found["retry_key"],
            nonce=found["nonce"],
        )

    async def use_refresh(
        self, token: str, at: datetime, retry_key: bytes | None, nonce: bytes
    ) -> None:
        values: dict[Any, Any] = {
            RefreshToken.used_at: at,
            RefreshToken.retry_key: retry_key,
            RefreshToken.nonce: nonce,
        }
        async with self._database.visit():
            await RefreshToken.update(values).where(RefreshToken.digest == _digest(token))

    async def prune(self, ended_before: datetime, expired_before: datetime) -> None:
        """Forget sessions that ended, or expired, before these times, with their tokens."""
        async with self._database.visit():
            await Session.raw(_PRUNE, ended_before, expired_before)

    def _row(self, values: dict[str, Any]) -> SessionRow:
        id_ = str(values["id"])
        client = self._sealer.open("session.client", id_, bytes(values["client"]))
        fields = {
            name: values[name]
            for name in SessionRow.__struct_fields__
            if name not in ("id", "account_id", "amr", "client")
        }
        return SessionRow(
            id=id_,
            account_id=str(values["account_id"]),
            amr=tuple(values["amr"]),
            client=_decode_client(client),
            **fields,
        )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
