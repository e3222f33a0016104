"""A group commit that takes a row as one value, as storage/sql/commit.sql has it."""

from importlib import resources

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0070_commit"
VERSION = "1.38.0"
DESCRIPTION = "commit of rows"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(resources.files("storage").joinpath("sql/commit.sql").read_text())

    manager.add_raw(create)
    return manager
