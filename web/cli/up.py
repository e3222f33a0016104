"""`maxray up`: the whole service in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.status import Status
from rich.table import Table

from config import Settings
from config.logging import configure_logging
from storage.embedded import DataFolderInUse, EmbeddedError
from storage.embedded.state import ProcessState
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, fail, settings_or_exit
from web.cli.outside import OutsideUnreachable
from web.cli.stack import PortTaken, Programs, Stack, running_stack
from web.tls.context import FOLDER as TLS_FOLDER
from web.tls.context import CertificateRefused
from web.tls.folder import AUTHORITY, CERTIFICATE
from web.ui.link import page_link


@click.command()
@click.option("--port", type=int, help="The port to answer on.  [default: 8000]")
@data_option
@click.option("--web-workers", type=int, help="Web processes sharing the port.  [default: 1]")
@click.option("--shards", type=int, help="Shard actors.  [default: 2]")
@click.option("--tls", is_flag=True, help="Answer https and wss only.")
@click.option(
    "--tls-cert",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The certificate with its chain, PEM.  [default: one of our own making]",
)
@click.option(
    "--tls-key", type=click.Path(dir_okay=False, path_type=Path), help="The certificate's key, PEM."
)
@click.option("--demo", is_flag=True, help="Add demo people and a stream of emergencies.")
@config_option
def up(
    port: int | None,
    data: Path | None,
    web_workers: int | None,
    shards: int | None,
    tls: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    demo: bool,
    config: Path | None,
) -> None:
    """Start everything on this machine and stay in the foreground; Ctrl-C stops it.

    PostgreSQL, Redis, S3 and Ray are started for you, on loopback, with generated passwords,
    all inside one folder. What dies is started again.

    **Examples**

    - `maxray up` : in `./var`, on port 8000
    - `maxray up --demo` : with people, units and emergencies to look at
    - `maxray up --data /srv/maxray --port 80 --web-workers 4 --shards 8`
    - `maxray up --tls` : with a certificate of its own authority, `DATA/tls/ca.pem`
    - `maxray up --tls --tls-cert chain.pem --tls-key key.pem` : with yours
    - `MAXRAY_DATABASE_URL=postgresql://… maxray up` : with an outside PostgreSQL
    """
    settings = settings_or_exit(
        config,
        port=port,
        data=data,
        web_workers=web_workers,
        shards=shards,
        tls="on" if tls else None,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    configure_logging(settings.log_level, settings.log_format)
    serve(settings, demo=demo)


def serve(settings: Settings, *, demo: bool = False, programs: Programs | None = None) -> None:
    """Run the service until it is told to stop; exits with the status that says how it went."""
    try:
        asyncio.run(_serve(settings, demo, programs))
    except DataFolderInUse as error:
        fail(Exit.IN_USE, f"{error}; see `maxray status --data {error.path}`")
    except PortTaken as error:
        fail(Exit.IN_USE, f"{error}; choose another with --port")
    except CertificateRefused as error:
        fail(Exit.SETTINGS, str(error))
    except (EmbeddedError, OutsideUnreachable) as error:
        fail(Exit.FAILED, str(error))


async def _serve(settings: Settings, demo: bool, programs: Programs | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service = asyncio.create_task(_service(settings, demo, programs))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({service, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    # During the start as well: cancelled there, it stops what had begun.
    service.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await service


async def _service(settings: Settings, demo: bool, programs: Programs | None) -> None:
    """Start, show, and wait to be cancelled."""
    console = Console()
    began = time.monotonic()
    try:
        with console.status("starting …") as spinner:
            progress = _Progress(console, spinner)
            stack = running_stack(settings, demo=demo, programs=programs, on_change=progress)
            async with stack as running:
                spinner.stop()
                _show(console, running, demo, took_s=time.monotonic() - began)
                try:
                    await asyncio.Event().wait()
                finally:
                    spinner.update("stopping …")
                    spinner.start()
    finally:
        console.print(f"stopped; everything is kept in {settings.data.absolute()}", soft_wrap=True)


class _Progress:
    """Prints a line when a process first becomes ready; a spinner names those still starting."""

    def __init__(self, console: Console, spinner: Status) -> None:
        self._console = console
        self._spinner = spinner
        self._began: dict[str, float] = {}
        self._ready: set[str] = set()

    def __call__(self, state: ProcessState) -> None:
        now = time.monotonic()
        began = self._began.setdefault(state.name, now)
        if state.status == "ready" and state.name not in self._ready:
            self._ready.add(state.name)
            took = f"{now - began:.1f} s"
            self._console.print(f"[green]✓[/] {state.name:<10} ready in {took}", highlight=False)
        waiting = [name for name in self._began if name not in self._ready]
        if waiting:
            self._spinner.update(f"starting {', '.join(waiting)} …")


def _show(console: Console, stack: Stack, demo: bool, took_s: float) -> None:
    table = Table(title=f"MaxRay, ready in {took_s:.1f} s", title_justify="left")
    for column in ("process", "where", "pid", "log"):
        table.add_column(column, overflow="fold")
    for state in stack.servers.supervisor.states:
        table.add_row(state.name, state.address, str(state.pid or ""), state.log)
    for name, address in stack.outside.items():
        table.add_row(name, f"{address} (outside)", "", "")
    console.print(table)
    for error in stack.away:
        console.print(f"[yellow]{error}[/]", highlight=False, soft_wrap=True)
    if stack.partial:
        console.print("emergencies are taken, and nothing else, until it does", highlight=False)
    console.print(f"[bold]{stack.url}[/]   API description: {stack.url}/schema", highlight=False)
    secret = stack.settings.token_secret
    if demo and secret is not None:
        link = page_link(stack.url, secret.reveal(), time.time())
        console.print(f"watch it live: [bold]{link}[/]", highlight=False, soft_wrap=True)
    data = stack.settings.data
    if stack.settings.tls_cert == data / TLS_FOLDER / CERTIFICATE:
        authority = data / TLS_FOLDER / AUTHORITY
        console.print(
            f"callers trust it with: curl --cacert {authority}", highlight=False, soft_wrap=True
        )
    console.print(
        f"a token to call it with: maxray token --role ops --subject me --data {data}\n"
        "Ctrl-C stops it.",
        highlight=False,
        soft_wrap=True,
    )
