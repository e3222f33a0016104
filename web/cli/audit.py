"""`maxray audit verify`: is the audit trail whole?"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import rich_click as click
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import Secret, Settings
from storage.audit.errors import AuditError
from storage.audit.finding import Finding
from storage.audit.heads_s3 import S3HeadStore
from storage.audit.verify_postgres import Report, verify
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers, ServerName
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, errors, fail, settings_or_exit
from web.cli.running import running_settings

_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify --json` prints."""

    whole: bool
    rows: int
    chains: int
    heads: int | None
    findings: tuple[Finding, ...]
    more: int


@click.group()
def audit() -> None:
    """The audit trail: who did or saw what, of whom, when, why."""


@audit.command("verify")
@click.option(
    "--from",
    "since",
    type=click.DateTime(_FORMATS),
    metavar="TIME",
    help="Only what was written at this time (UTC) or later.  [default: all]",
)
@click.option("--no-heads", is_flag=True, help="Do without the heads in the object store.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@data_option
@config_option
def verify_command(
    since: datetime | None, no_heads: bool, as_json: bool, data: Path | None, config: Path | None
) -> None:
    """Read the whole trail and say whether anything in it was changed.

    Finds rows that were altered, removed, inserted or exchanged, and, by the chain heads in the
    object store, what was cut off at the end or made anew. The trail is that of the database the
    settings name; else that of the running `maxray up` of this folder; else the folder's own,
    started for this and stopped again.

    The exit status is 0 where the trail is whole, 8 where something was found.

    **Examples**

    - `maxray audit verify`
    - `maxray audit verify --from 2026-01-31`
    - `maxray audit verify --json --data /srv/maxray | jq .findings`
    """
    settings = settings_or_exit(config, data=data)
    start = None if since is None else since.replace(tzinfo=UTC).timestamp()
    try:
        report = asyncio.run(_verify(settings, start, with_heads=not no_heads, quiet=as_json))
    except DataFolderInUse as error:
        fail(Exit.IN_USE, str(error))
    except (EmbeddedError, AuditError) as error:
        fail(Exit.FAILED, str(error))
    if as_json:
        click.echo(msgspec.json.encode(_verdict(report)))
    else:
        _show(report)
    sys.exit(Exit.AUDIT if report.findings else Exit.OK)


async def _verify(
    settings: Settings, since: float | None, *, with_heads: bool, quiet: bool
) -> Report:
    async with AsyncExitStack() as closing:
        known = await _reachable(settings, closing, with_heads=with_heads)
        assert known.database_url is not None
        store = None
        if with_heads and known.s3_url is not None:
            store = await closing.enter_async_context(S3HeadStore(known))
        url = known.database_url.reveal()
        if quiet:
            return await verify(url, store, since)
        progress = Progress(
            TextColumn("verifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors(),
            transient=True,
        )
        with progress:
            task = progress.add_task("rows", total=None)
            return await verify(
                url,
                store,
                since,
                lambda done, total: progress.update(task, completed=done, total=total),
            )


async def _reachable(settings: Settings, closing: AsyncExitStack, *, with_heads: bool) -> Settings:
    """The settings with the addresses of what they leave to the data folder."""
    known = settings if settings.database_url is not None else running_settings(settings.data)
    if known is not None and known.database_url is not None:
        return known
    which: set[ServerName] = {"postgres"}
    if with_heads and settings.s3_url is None:
        which.add("s3")
    servers = EmbeddedServers(settings.data, which, bucket=settings.s3_bucket)
    await closing.enter_async_context(servers)
    found = replace(settings, database_url=Secret(servers.database_url))
    if "s3" not in which:
        return found
    return replace(
        found,
        s3_url=servers.s3.url,
        s3_access_key=servers.s3.access_key,
        s3_secret_key=Secret(servers.s3.secret_key),
        s3_region=servers.s3.region,
    )


def _verdict(report: Report) -> Verdict:
    return Verdict(
        whole=not report.findings,
        rows=report.rows,
        chains=report.chains,
        heads=report.heads,
        findings=report.findings,
        more=report.more,
    )


def _show(report: Report) -> None:
    console = Console()
    for finding in report.findings:
        console.print(f"[bold red]✗[/] {escape(str(finding))}", highlight=False, soft_wrap=True)
    if report.more:
        console.print(f"  and {report.more} more", highlight=False)
    heads = "no heads were checked" if report.heads is None else f"{report.heads} heads"
    read = f"{report.rows} rows in {report.chains} chains, {heads}"
    if report.findings:
        console.print(f"[bold red]the trail is not whole[/]: {read}", highlight=False)
    else:
        console.print(f"[green]✓[/] the trail is whole: {read}", highlight=False)
