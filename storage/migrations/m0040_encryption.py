"""Data keys, and sealed columns beside the clear ones, which stay empty from now on.

Expand only: rows of an older version keep their clear columns until `storage.encryption.backfill`
has sealed them, which `maxray migrate` does after this.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0040_encryption"
VERSION = "1.38.0"
DESCRIPTION = "encryption at rest"

_STATEMENTS = """
CREATE TABLE data_key (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope        text        NOT NULL UNIQUE,
    master_id    text        NOT NULL,
    wrapped      bytea,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX data_key_by_master ON data_key (master_id, id) WHERE wrapped IS NOT NULL;
CREATE INDEX data_key_destroyed ON data_key (destroyed_at) WHERE destroyed_at IS NOT NULL;

ALTER TABLE patient
    ALTER COLUMN name DROP NOT NULL,
    ALTER COLUMN sex DROP NOT NULL,
    ALTER COLUMN phone DROP NOT NULL,
    ALTER COLUMN contacts DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN phone_digest bytea,
    ADD COLUMN name_digests bytea[],
    ADD COLUMN erase_at timestamptz,
    ADD COLUMN erased_at timestamptz;
CREATE INDEX patient_by_phone_digest ON patient (phone_digest);
CREATE INDEX patient_by_name_digests ON patient USING gin (name_digests);
CREATE INDEX patient_to_erase ON patient (erase_at)
    WHERE erase_at IS NOT NULL AND erased_at IS NULL;

ALTER TABLE doctor
    ALTER COLUMN name DROP NOT NULL,
    ALTER COLUMN registration_number DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN name_digests bytea[];
CREATE INDEX doctor_by_name_digests ON doctor USING gin (name_digests);
ALTER TABLE paramedic
    ALTER COLUMN name DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN name_digests bytea[];
CREATE INDEX paramedic_by_name_digests ON paramedic USING gin (name_digests);
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def expand() -> None:
        await run_sql(_STATEMENTS)

    manager.add_raw(expand)
    return manager
