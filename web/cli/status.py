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

from config import Settings
from storage.embedded import NotReady, probe
from storage.embedded.state import ProcessState, State
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, settings_or_exit
from web.cli.running import running_settings, running_state
from web.cli.stack import ask_server

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


class Report(Struct, frozen=True):
    """What `status --json` prints."""

    running: bool
    healthy: bool
    data: str
    url: str | None = None
    pid: int | None = None
    uptime_s: float | None = None
    processes: tuple[Health, ...] = ()


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
        return Report(running=False, healthy=False, data=place)
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
    )


async def _process(
    process: ProcessState, state: State, settings: Settings | None, now: float
) -> Health:
    healthy, detail = process.status == "ready", ""
    if healthy and process.name in _SERVERS:
        healthy, detail = await _answers(process.name, settings)
    elif healthy and process.address == state.url:
        healthy, detail = await _front_answers(process.address)
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


async def _front_answers(url: str) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(_PROBE_S):
            await probe.http(f"{url}/health/live")
    except (NotReady, OSError) as error:
        return False, str(error) or type(error).__name__
    return True, ""


def _show(report: Report) -> None:
    console = Console()
    if not report.running:
        console.print(f"nothing runs for {report.data}", highlight=False, soft_wrap=True)
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
    console.print(report.url or "not answering yet", highlight=False)


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
