"""Records that were opened in an emergency: by whom, why, and what the review said.

What lets somebody in is the relationship of the same id; this is the file that is kept of it.
What people wrote in it is sealed under the patient's key, and is gone when the patient is erased.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct

from actors.domain.kernel import Role, Sender
from actors.domain.relationship import Relationship
from storage.encryption import EncryptionError, Erased, Vault
from storage.records import NoSuchRecord, RecordsUnavailable, idempotency
from storage.records.database import Database
from storage.records.row import Rows
from storage.relationships import store
from storage.relationships.row import at, relationship, seconds
from storage.relationships.table import BreakGlassTable, RelationshipTable

Verdict = Literal["justified", "unjustified"]

_SELECT: Final = """
SELECT r.*, b.reason, b.verdict, b.reviewed_at, b.reviewer_role, b.reviewer, b.note
FROM break_glass b JOIN relationship r ON r.id = b.id
"""
_REVIEW: Final = """
UPDATE break_glass
SET verdict = {}, reviewed_at = {}, reviewer_role = {}, reviewer = {}, note = {}
WHERE id = {} AND verdict IS NULL RETURNING id
"""
_LIST: Final = (
    _SELECT + "WHERE (b.verdict IS NULL) IS DISTINCT FROM {} AND b.id < {} ORDER BY b.id DESC"
)
_LAST: Final = UUID(int=2**128 - 1)


class BreakGlass(Struct, frozen=True, kw_only=True):
    """A file. `relationship` says who, whose record, and when; `note` is the reviewer's.

    Neither `reason` nor `note` is there any more once the patient was erased.
    """

    relationship: Relationship
    reason: str | None
    verdict: Verdict | None = None
    reviewed_at: float | None = None
    reviewer_role: Role | None = None
    reviewer: str | None = None
    note: str | None = None


class BreakGlassFiles:
    """All methods raise RecordsUnavailable. Times are Unix seconds."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def open(
        self,
        new: Relationship,
        reason: str,
        tell: Callable[[], Awaitable[object]],
        command_id: str,
        print_: bytes,
        now: float,
    ) -> BreakGlass:
        """The file this command opened, now or before. `tell` is awaited inside the transaction, to
        queue what tells the patient: both or neither. Raises KeyReused, NoSuchRecord where the
        patient was erased, and as `tell`."""
        opened_at = at(now)
        assert opened_at is not None
        sealed = await self._sealed(new, "reason", reason)
        async with self._database.transaction():
            known = await idempotency.claim(self._vault, command_id, print_, new.id, opened_at)
            if known is None:
                await store.put(new, now)
                await BreakGlassTable.insert(BreakGlassTable(id=new.id, reason=sealed))
                await tell()
                return BreakGlass(relationship=new, reason=reason)
            rows = await _rows(_SELECT + "WHERE b.id = {}", known)
        return (await self._files(rows))[0]

    async def get(self, id_: str) -> BreakGlass | None:
        async with self._database.visit():
            rows = await _rows(_SELECT + "WHERE b.id = {}", id_)
        return next(iter(await self._files(rows)), None)

    async def list(
        self, before: str | None, limit: int, reviewed: bool | None = None
    ) -> Rows[BreakGlass]:
        """Newest first, ids below `before`. `reviewed`: only those that were, or were not yet."""
        async with self._database.visit():
            rows = await _rows(_LIST + " LIMIT {}", reviewed, before or _LAST, limit + 1)
        return Rows(await self._files(rows[:limit]), len(rows) > limit)

    async def review(
        self, file: BreakGlass, verdict: Verdict, by: Sender, note: str, now: float
    ) -> bool:
        """Write down what the review found. False where there is one already.

        Raises NoSuchRecord where the patient was erased, and the reason with the patient.
        """
        id_ = file.relationship.id
        sealed = await self._sealed(file.relationship, "note", note)
        async with self._database.visit():
            done = await _rows(_REVIEW, verdict, at(now), by.role, by.subject, sealed, id_)
        return bool(done)

    async def _files(self, rows: Sequence[dict[str, Any]]) -> tuple[BreakGlass, ...]:
        await self._prepare({str(row["patient_id"]) for row in rows})
        return tuple(map(self._file, rows))

    def _file(self, row: dict[str, Any]) -> BreakGlass:
        return BreakGlass(
            relationship=relationship(row),
            reason=self._clear(row, "reason"),
            verdict=row["verdict"],
            reviewed_at=seconds(row["reviewed_at"]),
            reviewer_role=row["reviewer_role"],
            reviewer=row["reviewer"],
            note=self._clear(row, "note"),
        )

    def _clear(self, row: dict[str, Any], field: str) -> str | None:
        sealed, patient_id = row[field], str(row["patient_id"])
        if sealed is None or self._vault.erased(patient_id):
            return None
        return self._vault.open(patient_id, bytes(sealed), _context(str(row["id"]), field)).decode()

    async def _sealed(self, of: Relationship, field: str, text: str) -> bytes:
        await self._prepare([of.patient_id])
        try:
            return self._vault.seal(of.patient_id, text.encode(), _context(of.id, field))
        except Erased:
            raise NoSuchRecord("patient", deleted=True) from None

    async def _prepare(self, patient_ids: Iterable[str]) -> None:
        try:
            await self._vault.prepare(patient_ids)
        except EncryptionError as error:
            raise RecordsUnavailable("the data keys are out of reach") from error


def _context(id_: str, field: str) -> bytes:
    return f"break_glass.{field}:{id_}".encode()


async def _rows(statement: str, *values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await RelationshipTable.raw(statement, *values)
    return rows
