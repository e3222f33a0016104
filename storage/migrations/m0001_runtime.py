"""The actor runtime's tables and functions, as storage/sql/runtime.sql has them."""

from importlib import resources

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0001_runtime"
VERSION = "1.38.0"
DESCRIPTION = "actor runtime"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(resources.files("storage").joinpath("sql/runtime.sql").read_text())

    manager.add_raw(create)
    return manager
