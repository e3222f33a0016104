"""`maxray journal export`: the journal as a file for a checker, without health data."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO

import rich_click as click
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import Secret, Settings
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers
from storage.encryption import EncryptionError, MasterKeys, PostgresKeyStore, Vault
from storage.journal_export import ExportFailed, export
from web.cli.exits import Exit
from web.cli.keys import with_own_key
from web.cli.options import config_option, data_option, errors, fail, settings_or_exit
from web.cli.running import running_settings


@click.group()
def journal() -> None:
    """The journal: every event of every entity."""


@journal.command("export")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; it must not exist yet. Readable by you only.",
)
@data_option
@config_option
def export_command(out: Path, data: Path | None, config: Path | None) -> None:
    """Write what a checker needs of the journal: ids, versions, times, steps and priorities.

    Names, addresses, places, symptoms and all else that says something about a patient stays
    behind. What is written still shows who was sent where and when: keep it private, delete it
    after use. It needs the database and the master key, so it works only where the service runs:
    those of the settings, else of the running `maxray up` of this folder, else the folder's own,
    started for this and stopped again.

    **Examples**

    - `maxray journal export --out journal.jsonl`
    - `python -m tests.chaos.check_journal journal.jsonl` : what must hold, proven from it alone
    """
    settings = settings_or_exit(config, data=data)
    try:
        count = asyncio.run(_export(settings, out))
    except FileExistsError:
        fail(Exit.USAGE, f"{out} exists; nothing is overwritten")
    except DataFolderInUse as error:
        fail(Exit.IN_USE, str(error))
    except (EmbeddedError, EncryptionError, ExportFailed, OSError) as error:
        fail(Exit.FAILED, str(error))
    Console().print(
        f"{count} events are in {out}, without names, places and symptoms. Who was sent where and "
        "when is in it: keep it private.",
        highlight=False,
        soft_wrap=True,
    )


async def _export(settings: Settings, out: Path) -> int:
    async with AsyncExitStack() as closing:
        known = await _reachable(settings, closing)
        if known.master_key is None:
            raise ExportFailed("the setting master_key is needed: without it nothing is opened")
        assert known.database_url is not None
        url = known.database_url.reveal()
        vault = Vault(PostgresKeyStore(url), MasterKeys.of(known))
        closing.push_async_callback(vault.close)
        await vault.start()
        file = closing.enter_context(_private(out))
        progress = Progress(
            TextColumn("exporting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors(),
            transient=True,
        )
        with progress:
            task = progress.add_task("events", total=None)

            def show(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            return await export(url, vault, file.write, show)


def _private(path: Path) -> BinaryIO:
    """A new file that nobody else may read. Raises FileExistsError, OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "wb")


async def _reachable(settings: Settings, closing: AsyncExitStack) -> Settings:
    """The settings with address and key of what they leave to the data folder."""
    known = settings if settings.database_url is not None else running_settings(settings.data)
    if known is None or known.database_url is None:
        servers = await closing.enter_async_context(EmbeddedServers(settings.data, {"postgres"}))
        known = replace(settings, database_url=Secret(servers.database_url))
    return with_own_key(known)
