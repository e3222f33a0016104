"""The rows as the rest of the program has them. Times are aware, in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from actors.domain.values import Location


class _Row(Struct, frozen=True, kw_only=True):
    id: str
    region: str
    created_at: datetime
    updated_at: datetime


class HospitalRow(_Row, frozen=True, kw_only=True):
    """Its entity decides on none of it, and is told."""

    name: str
    location: Location
    capabilities: tuple[str, ...]


class StationRow(_Row, frozen=True, kw_only=True):
    """Its region's dispatcher is told."""

    name: str
    location: Location


class ShiftRow(_Row, frozen=True, kw_only=True):
    """[starts_at, ends_at). `revision` counts the changes of the plan."""

    unit_id: str
    station_id: str
    starts_at: datetime
    ends_at: datetime
    revision: int = 1
    cancelled_at: datetime | None = None


class ShiftFilter(Struct, frozen=True, kw_only=True):
    """What a listing is narrowed to. `before`: ids below this one. Shifts that overlap [from, to).

    Cancelled ones are left out unless `cancelled`.
    """

    before: str | None = None
    region: str | None = None
    unit_id: str | None = None
    station_id: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    cancelled: bool = False


R = TypeVar("R", HospitalRow, StationRow, ShiftRow)


def columns(row: HospitalRow | StationRow | ShiftRow) -> dict[str, Any]:
    """What stands in the table for it."""
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    location = values.pop("location", None)
    if location is not None:
        values |= {"lat": location.lat, "lon": location.lon}
    if "capabilities" in values:
        values["capabilities"] = list(values["capabilities"])
    return values


def from_columns(kind: type[R], values: dict[str, Any]) -> R:
    """The reverse."""
    values = {**values, "id": str(values["id"])}
    for name in ("unit_id", "station_id"):
        if name in values:
            values[name] = str(values[name])
    if "lat" in values:
        values["location"] = Location(values["lat"], values["lon"])
    if "capabilities" in values:
        values["capabilities"] = tuple(values["capabilities"])
    return kind(**{name: v for name, v in values.items() if name in kind.__struct_fields__})
