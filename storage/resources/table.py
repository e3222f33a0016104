"""The tables, as migration 0060 makes them."""

from __future__ import annotations

from piccolo.columns import UUID, Array, BigInt, DoublePrecision, Text, Timestamptz
from piccolo.table import Table

from storage.engine import CURRENT


class HospitalTable(Table, tablename="hospital", db=CURRENT):
    """A hospital's profile; its load is its entity's."""

    id = UUID(primary_key=True, default=None)
    name = Text(default=None)
    region = Text(default=None, index=True)
    lat = DoublePrecision(default=None)
    lon = DoublePrecision(default=None)
    capabilities = Array(base_column=Text(), default=list)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)


class StationTable(Table, tablename="station", db=CURRENT):
    """Where idle units stand."""

    id = UUID(primary_key=True, default=None)
    name = Text(default=None)
    region = Text(default=None, index=True)
    lat = DoublePrecision(default=None)
    lon = DoublePrecision(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)


class ShiftTable(Table, tablename="shift", db=CURRENT):
    """A unit at a station, [starts_at, ends_at). `revision` counts the changes of the plan."""

    id = UUID(primary_key=True, default=None)
    unit_id = UUID(default=None)
    station_id = UUID(default=None)
    region = Text(default=None)
    starts_at = Timestamptz(default=None)
    ends_at = Timestamptz(default=None)
    revision = BigInt(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    cancelled_at = Timestamptz(null=True, default=None)


RESOURCE_TABLES: list[type[Table]] = [HospitalTable, StationTable, ShiftTable]
