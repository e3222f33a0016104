"""`maxray migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click
from rich.console import Console

from config import Settings
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, fail, settings_or_exit
from web.cli.running import running_settings


@click.command()
@data_option
@config_option
def migrate(data: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema. `maxray up` does it by itself.

    The database is the one the settings name; else that of the running `maxray up` of this
    folder; else the folder's own, started for this and stopped again.

    **Examples**

    - `maxray migrate --data /srv/maxray`
    - `MAXRAY_DATABASE_URL=postgresql://… maxray migrate`
    """
    settings = settings_or_exit(config, data=data)
    try:
        asyncio.run(_migrate(settings))
    except DataFolderInUse as error:
        fail(Exit.IN_USE, str(error))
    except EmbeddedError as error:
        fail(Exit.FAILED, str(error))


async def _migrate(settings: Settings) -> None:
    known = settings if settings.database_url is not None else running_settings(settings.data)
    if known is not None and known.database_url is not None:
        await _run(known.database_url.reveal())
        return
    async with EmbeddedServers(settings.data, {"postgres"}) as servers:
        await _run(servers.database_url)


async def _run(database_url: str) -> None:
    from storage.migrate import run  # Piccolo, which the other commands do without

    console = Console()
    with console.status("migrating the database …"):
        try:
            await run(database_url)
        except Exception as error:  # whatever it is, the schema is not what this version needs
            fail(Exit.MIGRATION, f"the database was not migrated: {type(error).__name__}: {error}")
    console.print("the database has this version's schema")
