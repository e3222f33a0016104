"""`maxray migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import Progress, TaskID

from config import Settings
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers
from storage.embedded.folder import random_secret
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from web.cli.exits import Exit
from web.cli.keys import MASTER_KEY, with_own_key
from web.cli.options import config_option, data_option, fail, settings_or_exit
from web.cli.running import running_settings


@click.command()
@data_option
@config_option
def migrate(data: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema, and encrypt what an older version wrote clear.

    `maxray up` does it by itself.

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
        await _run(known.database_url.reveal(), known)
        return
    async with EmbeddedServers(settings.data, {"postgres"}) as servers:
        if settings.master_key is None:
            servers.folder.secret(MASTER_KEY, random_secret)  # as `maxray up` would make it
        await _run(servers.database_url, settings)


async def _run(database_url: str, settings: Settings) -> None:
    from storage.migrate import run  # Piccolo, which the other commands do without

    console = Console()
    with console.status("migrating the database …"):
        try:
            await run(database_url)
        except Exception as error:  # whatever it is, the schema is not what this version needs
            fail(Exit.MIGRATION, f"the database was not migrated: {type(error).__name__}: {error}")
    console.print("the database has this version's schema")
    try:
        master_keys = MasterKeys.of(with_own_key(settings))
    except ValueError as error:
        fail(Exit.SETTINGS, f"{error}: what stands clear cannot be encrypted")
    vault = Vault(PostgresKeyStore(database_url), master_keys)
    try:
        await vault.start()
        await _encrypt(database_url, vault, console)
    except Exception as error:  # it is kept as far as it came; the next go does the rest
        fail(Exit.MIGRATION, f"old data was not encrypted: {type(error).__name__}: {error}")
    finally:
        await vault.close()


async def _encrypt(database_url: str, vault: Vault, console: Console) -> None:
    from storage.seal_existing import seal_existing

    with Progress(console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(f"encrypting {what}")
            bars.update(tasks[what], completed=done, total=total)

        done = await seal_existing(database_url, vault, show)
    if done:
        console.print(f"{done} rows and entities that stood clear are encrypted now")
