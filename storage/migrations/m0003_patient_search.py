"""Patients are looked up by the letters their name begins with, in any case."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0003_patient_search"
VERSION = "1.38.0"
DESCRIPTION = "patients by the beginning of their name"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def index() -> None:
        await run_sql("CREATE INDEX patient_by_name ON patient (lower(name) text_pattern_ops)")

    manager.add_raw(index)
    return manager
