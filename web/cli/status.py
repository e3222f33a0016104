"""`maxray status`: what runs for a data folder, where, and whether it answers."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import rich_click as click
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from actors.domain.timestamp import rfc3339
from config import Settings
from storage.embedded import NotReady, probe
from storage.embedded.state import ProcessState, State
from storage.spool import SpoolError, read_summary
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, settings_or_exit
from web.cli.outside import ask_server
from web.cli.running import running_settings, running_state
from web.mail.report import MailReport, mail_line, mail_report
from web.tls.context import client_context

_SERVERS = frozenset({"postgres", "redis", "s3", "ray"})
_PROBE_S = 5.0


class Health(Struct, frozen=True):
    """One process or outside server as `status --json` shows it. Null: does not apply."""

    name: str
    status: str
    healthy: bool
    address: str
    detail: str = ""
    pid: int | None = None
    uptime_s: float | None = None
    restarts: int | None = None
    log: str | None = None


class DeadEmergency(Struct, frozen=True):
    """An emergency that was accepted and can never be raised; somebody should ask after it."""

    id: str
    patient_id: str
    reason: str
    received_at: str


class SpoolReport(Struct, frozen=True):
    """Of the emergencies logged while the other parts were away: how many wait, the first of them
    for how long, and those that can never be raised. `damaged`: files cut off that were not whole.
    `unreadable`: records that are not understood.
    """

    depth: int
    oldest_s: float | None = None
    dead: tuple[DeadEmergency, ...] = ()
    damaged: int = 0
    unreadable: int = 0


class Report(Struct, frozen=True):
    """What `status --json` prints."""

    running: bool
    healthy: bool
    data: str
    url: str | None = None
    pid: int | None = None
    uptime_s: float | None = None
    processes: tuple[Health, ...] = ()
    mail: MailReport | None = None
    spool: SpoolReport | None = None


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@config_option
def status(data: Path | None, as_json: bool, config: Path | None) -> None:
    """Show what runs for this data folder, where, and whether it answers.

    Each server is asked in its own protocol. The exit status says the same: 0 all is well,
    5 nothing runs, 6 something does not answer.

    **Examples**

    - `maxray status`
    - `maxray status --data /srv/maxray --json | jq .healthy`
    """
    settings = settings_or_exit(config, data=data)
    report = asyncio.run(examine(settings.data))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _show(report)
    if not report.running:
        sys.exit(Exit.NOT_RUNNING)
    sys.exit(Exit.OK if report.healthy else Exit.UNHEALTHY)


async def examine(data: Path) -> Report:
    """Read the state, ask everything in it."""
    place = os.path.abspath(data)  # noqa: ASYNC240, PTH100 - a local name, no I/O that waits
    state, settings = running_state(data), running_settings(data)
    if state is None:
        spool = _spool(data, time.time())
        return Report(running=False, healthy=False, data=place, spool=spool)
    now = time.time()
    asked = [_process(process, state, settings, now) for process in state.processes]
    asked += [_outside(name, address, settings) for name, address in state.outside.items()]
    found = tuple(await asyncio.gather(*asked))
    return Report(
        running=True,
        healthy=state.url is not None and all(health.healthy for health in found),
        data=place,
        url=state.url,
        pid=state.pid,
        uptime_s=round(now - state.started_at, 1),
        processes=found,
        mail=await mail_report(settings, now),
        spool=_spool(data, now),
    )


async def _process(
    process: ProcessState, state: State, settings: Settings | None, now: float
) -> Health:
    healthy, detail = process.status == "ready", ""
    if healthy and process.name in _SERVERS:
        healthy, detail = await _answers(process.name, settings)
    elif healthy and process.address == state.url:
        healthy, detail = await _front_answers(process.address, settings)
    return Health(
        name=process.name,
        status=process.status,
        healthy=healthy,
        address=process.address,
        detail=detail,
        pid=process.pid,
        uptime_s=None if process.ready_at is None else round(now - process.ready_at, 1),
        restarts=process.restarts,
        log=process.log,
    )


async def _outside(name: str, address: str, settings: Settings | None) -> Health:
    healthy, detail = await _answers(name, settings)
    return Health(name, "outside", healthy, address, detail)


async def _answers(name: str, settings: Settings | None) -> tuple[bool, str]:
    if settings is None:
        return False, "still starting: its address is not known yet"
    try:
        async with asyncio.timeout(_PROBE_S):
            await ask_server(name, settings)
    except (NotReady, OSError) as error:
        return False, str(error) or type(error).__name__
    return True, ""


async def _front_answers(url: str, settings: Settings | None) -> tuple[bool, str]:
    try:
        trust = None if settings is None else client_context(settings)
        async with asyncio.timeout(_PROBE_S):
            await probe.http(f"{url}/health/live", trust)
    except (NotReady, OSError) as error:
        return False, str(error) or type(error).__name__
    return True, ""


def _spool(data: Path, now: float) -> SpoolReport | None:
    """Read from the disk: it matters while nothing runs as well. None where it cannot be read."""
    try:
        found = read_summary(data / "spool")
    except SpoolError:
        return None
    dead = tuple(
        DeadEmergency(one.emergency_id, one.patient_id, one.reason, rfc3339(one.received_at))
        for one in found.dead
    )
    oldest_s = None if found.oldest_at is None else round(now - found.oldest_at, 1)
    return SpoolReport(found.depth, oldest_s, dead, found.damaged, found.unreadable)


def _show(report: Report) -> None:
    console = Console()
    if not report.running:
        console.print(f"nothing runs for {report.data}", highlight=False, soft_wrap=True)
        show_spool(console, report.spool)
        return
    table = Table(title=f"MaxRay in {report.data}", title_justify="left")
    for column in ("process", "state", "where", "pid", "up", "restarts", "detail"):
        table.add_column(column, overflow="fold")
    for health in report.processes:
        table.add_row(
            health.name,
            f"[{'green' if health.healthy else 'red'}]{health.status}[/]",
            health.address,
            str(health.pid or ""),
            "" if health.uptime_s is None else _duration(health.uptime_s),
            "" if health.restarts is None else str(health.restarts),
            health.detail,
        )
    console.print(table)
    if report.mail is not None and (report.mail.queued or report.mail.dead):
        console.print(mail_line(report.mail), highlight=False, markup=False, soft_wrap=True)
    show_spool(console, report.spool)
    console.print(report.url or "not answering yet", highlight=False)


def show_spool(console: Console, spool: SpoolReport | None) -> None:
    """What waits there, and what never will be raised; nothing where all is well."""
    if spool is None:
        return
    if spool.depth:
        waited = "" if spool.oldest_s is None else f", the first for {_duration(spool.oldest_s)}"
        waiting = "1 emergency waits" if spool.depth == 1 else f"{spool.depth} emergencies wait"
        console.print(f"[red]spool: {waiting} to be raised{waited}[/]")
    for one in spool.dead:
        line = f"[red]spool: emergency {one.id} of patient {one.patient_id}, received "
        line += f"{one.received_at}, can never be raised: {one.reason}[/]"
        console.print(line, highlight=False, soft_wrap=True)
    if spool.damaged or spool.unreadable:
        line = (
            f"spool: {spool.damaged} files were cut, {spool.unreadable} records are not understood"
        )
        console.print(f"[red]{line}[/]", highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
