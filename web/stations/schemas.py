"""What goes in and out of /api/stations."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from actors.domain.values import Location, Name, Region
from storage.resources import StationRow


class StationBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A station as staff write it. PUT replaces all of it."""

    name: Name
    region: Region
    location: Location


class StationView(Struct, frozen=True, kw_only=True):
    """A station."""

    id: str
    name: str
    region: str
    location: Location
    created_at: datetime
    updated_at: datetime


def view(row: StationRow) -> StationView:
    return StationView(
        id=row.id,
        name=row.name,
        region=row.region,
        location=row.location,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
