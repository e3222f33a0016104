"""What all kinds of records are queried with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from storage.records.errors import NoSuchRecord
from storage.records.row import Filter
from storage.records.sealing import RowSealer


def conditions(
    table: Any, wanted: Filter, sealer: RowSealer | None = None, born: str = "created_at"
) -> list[Any]:
    """The WHERE of a listing, as far as the table has the columns. `born`: its time column.

    `sealer`: of a table whose names and phone numbers are sealed.
    """
    found: list[Any] = []
    if wanted.before is not None:
        found.append(table.id < wanted.before)
    if sealer is not None and wanted.name is not None:
        digests = sealer.name_digests(wanted.name)
        # No word at all, only signs: nobody has that name.
        found.append(WhereRaw("name_digests @> {} AND {}", digests, bool(digests)))
    if sealer is not None and wanted.phone is not None:
        found.append(table.phone_digest == sealer.phone_digest(wanted.phone))
    for column, value in (
        ("region", wanted.region),
        ("patient_id", wanted.patient_id),
    ):
        if value is not None:
            found.append(getattr(table, column) == value)
    if wanted.specialty is not None:
        found.append(table.specialties.any(wanted.specialty))
    if wanted.created_from is not None:
        found.append(getattr(table, born) >= wanted.created_from)
    if wanted.created_to is not None:
        found.append(getattr(table, born) < wanted.created_to)
    return found


async def newest_first(
    table: type[Table], where: Sequence[Any], limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """At most `limit` rows by descending id, and whether there are more."""
    query = table.select().order_by(table.id, ascending=False).limit(limit + 1)  # type: ignore[attr-defined]  # all ours have `id`
    for condition in where:
        query = query.where(condition)
    rows: list[dict[str, Any]] = await query
    return rows[:limit], len(rows) > limit


async def one(table: type[Table], kind: str, id_: str) -> dict[str, Any]:
    """The row. Raises NoSuchRecord, also for a deleted one."""
    row: dict[str, Any] | None = await table.select().where(table.id == id_).first()  # type: ignore[attr-defined]  # as above
    if row is None or row["deleted_at"] is not None:
        raise NoSuchRecord(kind, deleted=row is not None)
    return row


async def change(table: type[Table], kind: str, id_: str, values: dict[str, Any]) -> None:
    """Update a row that is not deleted. Raises NoSuchRecord."""
    columns = {getattr(table, name): value for name, value in values.items()}
    changed = await (
        table.update(columns)
        .where(table.id == id_)  # type: ignore[attr-defined]  # as above
        .where(table.deleted_at.is_null())  # type: ignore[attr-defined]  # and this, those that change
        .returning(table.id)  # type: ignore[attr-defined]  # as above
    )
    if not changed:
        await one(table, kind, id_)  # says whether it is gone or was never there
        raise NoSuchRecord(kind)
