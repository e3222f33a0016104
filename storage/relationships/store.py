"""Relationships: made, accepted, ended, and asked for.

Rows are never deleted and an end is never moved away again, so what was once true of whom can be
told for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from actors.domain.kernel import Role
from actors.domain.relationship import FAMILY, Relationship
from storage.records.database import Database
from storage.relationships.row import at, relationship
from storage.relationships.table import RelationshipTable

# Of two who link the same two people at once, the second finds what the first has made.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('family:' || {}, 0))"
_OPEN: Final = "(ends_at IS NULL OR ends_at > {})"
_ACCEPT: Final = """
UPDATE relationship SET begins_at = {}, ends_at = NULL
WHERE id = {} AND begins_at IS NULL AND ends_at > {} RETURNING *
"""
_END: Final = """
UPDATE relationship SET ends_at = greatest({}, begins_at)
WHERE id = {} AND (ends_at IS NULL OR ends_at > {}) RETURNING *
"""


class Relationships:
    """All methods raise RecordsUnavailable. Times are Unix seconds, by the caller's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self, role: Role, holder: str, now: float) -> tuple[Relationship, ...]:
        """Those of this holder that are in force."""
        return await self._where(
            "role = {} AND holder = {} AND begins_at <= {} AND " + _OPEN,
            role,
            holder,
            at(now),
            at(now),
        )

    async def family_of(self, patient_id: str, now: float) -> tuple[Relationship, ...]:
        """Who acts for this patient, and who was invited to; oldest first."""
        condition = "patient_id = {} AND kind = ANY({}) AND " + _OPEN
        return await self._where(condition, patient_id, list(FAMILY), at(now))

    async def managed_by(self, holder: str, now: float) -> tuple[Relationship, ...]:
        """For whom this patient's account acts, and was invited to; oldest first."""
        condition = "role = 'patient' AND holder = {} AND kind = ANY({}) AND " + _OPEN
        return await self._where(condition, holder, list(FAMILY), at(now))

    async def get(self, id_: str) -> Relationship | None:
        found = await self._where("id = {}", id_)
        return found[0] if found else None

    async def link(
        self,
        new: Relationship,
        now: float,
        tell: Callable[[], Awaitable[None]] | None = None,
    ) -> Relationship:
        """A family link or an invitation to one; where these two have one already, that. `tell` is
        called where it is new, within the transaction that makes it.

        Also where the link of this id is over: a repeat of what made it does not bring it back.
        """
        async with self._database.transaction():
            await RelationshipTable.raw(_LOCK, new.patient_id)
            known = await _select("id = {}", new.id) or await _select(
                "patient_id = {} AND role = {} AND holder = {} AND kind = ANY({}) AND " + _OPEN,
                new.patient_id,
                new.role,
                new.holder,
                list(FAMILY),
                at(now),
            )
            if known:
                return known[0]
            await put(new, now)
            if tell is not None:
                await tell()
        return new

    async def accept(self, id_: str, now: float) -> Relationship | None:
        """It begins. None where it cannot (any more): accepted already, ended, lapsed."""
        return await self._changed(_ACCEPT, at(now), id_, at(now))

    async def end(self, id_: str, now: float) -> Relationship | None:
        """It ends, or the invitation does. None where it was over already."""
        return await self._changed(_END, at(now), id_, at(now))

    async def ended(self, ids: Collection[str], now: float) -> frozenset[str]:
        """Those of them that are over."""
        over = await self._where("id = ANY({}) AND ends_at <= {}", list(ids), at(now))
        return frozenset(one.id for one in over)

    async def _where(self, condition: str, *values: Any) -> tuple[Relationship, ...]:
        async with self._database.visit():
            return await _select(condition, *values)

    async def _changed(self, statement: str, *values: Any) -> Relationship | None:
        async with self._database.visit():
            rows = await RelationshipTable.raw(statement, *values)
        return relationship(rows[0]) if rows else None


async def put(new: Relationship, now: float) -> None:
    """Insert it; call inside a transaction or a visit."""
    await RelationshipTable.insert(
        RelationshipTable(
            id=new.id,
            kind=new.kind,
            role=new.role,
            holder=new.holder,
            patient_id=new.patient_id,
            created_at=at(now),
            begins_at=at(new.begins_at),
            ends_at=at(new.ends_at),
        )
    )


async def _select(condition: str, *values: Any) -> tuple[Relationship, ...]:
    # The condition is one of ours above; values go as parameters.
    statement = f"SELECT * FROM relationship WHERE {condition} ORDER BY id"  # noqa: S608 - as said
    rows = await RelationshipTable.raw(statement, *values)
    return tuple(map(relationship, rows))
