"""Who stands how to a patient, from when until when; records opened in an emergency, and why."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0030_access"
VERSION = "1.38.0"
DESCRIPTION = "relationships and break-glass"

_TABLES = """
CREATE TABLE relationship (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL
               CHECK (kind IN ('family', 'guardian', 'consultation', 'break_glass')),
    role       text        NOT NULL,
    holder     text        NOT NULL,
    patient_id uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    begins_at  timestamptz,
    ends_at    timestamptz,
    CHECK (ends_at >= begins_at)
);
-- What the door asks at each look at another's record.
CREATE INDEX relationship_by_holder ON relationship (role, holder);
CREATE INDEX relationship_by_patient ON relationship (patient_id);

CREATE TABLE break_glass (
    id            uuid  PRIMARY KEY REFERENCES relationship,
    reason        bytea NOT NULL,
    verdict       text  CHECK (verdict IN ('justified', 'unjustified')),
    reviewed_at   timestamptz,
    reviewer_role text,
    reviewer      text,
    note          bytea,
    CHECK ((verdict IS NULL) = (reviewed_at IS NULL)),
    CHECK ((verdict IS NULL) = (reviewer IS NULL))
);
CREATE INDEX break_glass_to_review ON break_glass (id) WHERE verdict IS NULL;
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(_TABLES)

    manager.add_raw(create)
    return manager
