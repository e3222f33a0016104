"""Hospitals, stations and shifts. Nothing in them is of any patient."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0060_dispatch"
VERSION = "1.38.0"
DESCRIPTION = "hospitals, stations, shifts"

_SQL = """
CREATE TABLE hospital (
    id           uuid        PRIMARY KEY,
    name         text        NOT NULL,
    region       text        NOT NULL,
    lat          float8      NOT NULL,
    lon          float8      NOT NULL,
    capabilities text[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz
);
CREATE INDEX hospital_by_region ON hospital (region, id);

CREATE TABLE station (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    region     text        NOT NULL,
    lat        float8      NOT NULL,
    lon        float8      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX station_by_region ON station (region, id);
-- How often a region's stations have changed: tells its dispatcher which list is the newer.
CREATE TABLE station_list (
    region   text   PRIMARY KEY,
    revision bigint NOT NULL
);

CREATE TABLE shift (
    id           uuid        PRIMARY KEY,
    unit_id      uuid        NOT NULL,
    station_id   uuid        NOT NULL REFERENCES station,
    region       text        NOT NULL,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    revision     bigint      NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    cancelled_at timestamptz,
    CHECK (ends_at > starts_at)
);
CREATE INDEX shift_by_time ON shift USING gist (tstzrange(starts_at, ends_at));
-- No unit has two shifts at once. GiST knows ranges by itself but equal uuids only by an extension,
-- which not every server has; a range of one uuid overlaps another just when they are equal.
CREATE TYPE uuid_range AS RANGE (subtype = uuid);
ALTER TABLE shift ADD CONSTRAINT shift_once_a_unit EXCLUDE USING gist (
    uuid_range(unit_id, unit_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&
) WHERE (cancelled_at IS NULL);
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(_SQL)

    manager.add_raw(create)
    return manager
