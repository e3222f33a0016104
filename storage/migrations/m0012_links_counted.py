"""Under what a link is counted (storage/accounts/accounts.py): how many letters one network, or one
new address, was good for, by a keyed hash. NULL: it is not counted.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0012_links_counted"
VERSION = "1.38.0"
DESCRIPTION = "links counted by where they were asked from"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def column() -> None:
        await run_sql("ALTER TABLE account_link ADD COLUMN counted_as bytea")

    manager.add_raw(column)
    return manager
