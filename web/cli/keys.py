"""`maxray keys`: changing the master key that wraps all data keys."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import rich_click as click
from msgspec import structs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import Secret, Settings
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers
from storage.embedded.folder import DataFolder, random_secret, sync_folder
from storage.encryption import EncryptionError, MasterKeys, PostgresKeyStore
from storage.encryption.rotation import rewrap_all
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, fail, settings_or_exit

MASTER_KEY: Final = "master-key"
# While there is one, data keys may be wrapped under it already: `maxray up` takes it for the spare.
NEXT_KEY: Final = "master-key.next"
OLD_KEY: Final = "master-key.old"


def with_own_key(settings: Settings) -> Settings:
    """The settings with the data folder's own master keys, where they name none and it has some."""
    secrets = settings.data / "secrets"
    names = {"master_key": MASTER_KEY, "spare_master_key": NEXT_KEY}
    if settings.master_key is not None:
        return settings
    found = {
        setting: Secret((secrets / name).read_text().strip())
        for setting, name in names.items()
        if (secrets / name).exists()
    }
    return structs.replace(settings, **found)


@click.group()
def keys() -> None:
    """The keys that data is encrypted under."""


@keys.command()
@data_option
@config_option
def rotate(data: Path | None, config: Path | None) -> None:
    """Wrap all data keys under a new master key. No data is touched, so it takes seconds.

    Without the setting `master_key` the data folder's own key is changed, while no `maxray up`
    runs there. With it, all data keys come under `master_key`, beside a running service too; what
    they are wrapped under until now must be `spare_master_key`. Interrupted, run it again.

    **Examples**

    - `maxray keys rotate --data /srv/maxray`
    - `MAXRAY_DATABASE_URL=… MAXRAY_MASTER_KEY_FILE=new MAXRAY_SPARE_MASTER_KEY_FILE=old maxray
      keys rotate`
    """
    settings = settings_or_exit(config, data=data)
    try:
        if settings.master_key is None:
            asyncio.run(_rotate_folder(settings))
        else:
            asyncio.run(_rotate_given(settings))
    except DataFolderInUse as error:
        fail(Exit.IN_USE, f"{error}; stop it first, it knows the old key only")
    except (EmbeddedError, EncryptionError) as error:
        fail(Exit.FAILED, str(error))


async def _rotate_given(settings: Settings) -> None:
    master_keys = MasterKeys.of(settings)
    if settings.database_url is not None:
        await _rewrap(settings.database_url.reveal(), master_keys)
        return
    async with EmbeddedServers(settings.data, {"postgres"}) as servers:
        await _rewrap(servers.database_url, master_keys)


async def _rotate_folder(settings: Settings) -> None:
    """The new key is on disk before the first data key is wrapped under it, and takes the old
    one's place after the last: at every moment the folder has the keys that are needed."""
    if settings.database_url is not None:
        folder = DataFolder(settings.data)
        folder.lock()
        try:
            await _exchange(folder, settings.database_url.reveal())
        finally:
            folder.unlock()
        return
    async with EmbeddedServers(settings.data, {"postgres"}) as servers:
        await _exchange(servers.folder, servers.database_url)


async def _exchange(folder: DataFolder, database_url: str) -> None:
    current, following = (
        folder.secret_file(name, random_secret) for name in (MASTER_KEY, NEXT_KEY)
    )
    sync_folder(current.parent)
    await _rewrap(
        database_url, MasterKeys(following.read_text().strip(), current.read_text().strip())
    )
    old = current.with_name(OLD_KEY)
    old.unlink(missing_ok=True)
    old.hardlink_to(current)
    following.replace(current)
    sync_folder(current.parent)
    Console().print(
        f"the new master key is {current}: keep a copy of it elsewhere.\n"
        f"The one before is {old}: backups made until now need it. Delete it when none does.",
        highlight=False,
        soft_wrap=True,
    )


async def _rewrap(database_url: str, master_keys: MasterKeys) -> None:
    columns = (
        TextColumn("data keys"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    console = Console()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        store = PostgresKeyStore(database_url)
        try:
            count = await rewrap_all(store, master_keys, show)
        finally:
            await store.close()
    console.print(f"{count} data keys were wrapped anew; all are under {master_keys.current}")
