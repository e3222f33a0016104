"""The whole service on this machine: the servers, then our own processes, in order.

Servers in parallel → migrations → shards and web workers → demo. A server whose URL is set is an
outside one: it is asked whether it answers, and not started. Where one that answered this folder
before is away, web workers are started alone, for they take emergencies without it; the rest
follows once it is back. The object store alone is not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

import web
from config import Secret, Settings, settings_environment
from config.ready import READY_VARIABLE
from config.source import PREFIX
from storage.embedded import ALL, EmbeddedServers, ManagedProcess, StartFailed
from storage.embedded import probe as ask
from storage.embedded.folder import random_secret
from storage.embedded.state import ProcessState
from web.cli.keys import MASTER_KEY, NEXT_KEY
from web.cli.outside import OutsideUnreachable, answered_before, outside_of, unreachable
from web.cli.running import keep_settings
from web.tls.context import EVERYWHERE, files_of, names_for, server_context
from web.tls.context import FOLDER as TLS_FOLDER
from web.tls.folder import keep as keep_certificate

log = logging.getLogger(__name__)

_ROOT: Final = Path(web.__file__).resolve().parent.parent
_BACKLOG: Final = 2048
# A certificate of ours is renewed a month before it ends; how often that is looked at.
_RENEWAL_EVERY_S: Final = 6 * 3600.0
# How long a server that is known may take to answer before emergencies are taken without it.
_KNOWN_WAIT_S: Final = 3.0
# How often one that is away is asked again; and, once it is back, what could not be started.
_AGAIN_S: Final = 1.0
_FAILED_AGAIN_S: Final = 15.0
# What our own processes do not start without; the object store is asked when something is put in.
_NEEDED: Final = frozenset({"postgres", "redis", "ray"})


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    # -P: the folder we were started in is not searched for modules.
    return (sys.executable, "-P", "-m", name, *arguments)


class Programs(Struct, frozen=True):
    """The commands of our own processes. A worker gets `--fd N` besides: the listening socket."""

    migrate: tuple[str, ...] = _module("web.cli", "migrate")
    shards: tuple[str, ...] = _module("web.shards")
    worker: tuple[str, ...] = _module("web.worker")
    demo: tuple[str, ...] = _module("web.demo")


class Stack(Struct, frozen=True):
    """A running service: its settings with all addresses and secrets resolved, and its servers.

    `away`: the outside servers that did not answer at the start. `partial`: one of them is needed,
    and until it answers there are web workers alone, which take emergencies and nothing else.
    """

    settings: Settings
    url: str
    servers: EmbeddedServers
    outside: dict[str, str]
    away: tuple[OutsideUnreachable, ...] = ()

    @property
    def partial(self) -> bool:
        return any(error.name in _NEEDED for error in self.away)


class PortTaken(Exception):
    """The address to listen on belongs to another program, or not to this machine."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {reason}")


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, and not yet listening: the port is ours, callers are refused until workers start.

    The supervisor keeps it for as long as it lives, so that the port never closes while a worker
    is replaced. Raises PortTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTaken(host, port, error.strerror or str(error)) from error
    return bound


@asynccontextmanager
async def running_stack(
    settings: Settings,
    *,
    demo: bool = False,
    programs: Programs | None = None,
    on_change: Callable[[ProcessState], None] | None = None,
    outside_wait_s: float = 15.0,
) -> AsyncIterator[Stack]:
    """Everything is ready inside, kept so, and stopped on leaving.

    `outside_wait_s`: how long an outside server may take to answer at first, where it never
    answered this folder before.

    Raises EmbeddedError (StartFailed, DataFolderInUse, …), OutsideUnreachable, PortTaken or
    CertificateRefused.
    """
    commands = programs or Programs()
    if settings.tls_cert is not None and (files := files_of(settings)) is not None:
        server_context(files)  # whether it can be used, before anything is started
    with listening_socket(settings.host, settings.port) as door:
        outside = outside_of(settings)
        embedded = [name for name in ALL if name not in outside]
        servers = EmbeddedServers(
            settings.data, embedded, bucket=settings.s3_bucket, on_change=on_change
        )
        async with servers:
            resolved = _resolve(settings, servers, port=door.getsockname()[1])
            known = answered_before(servers.folder.path, outside)
            wait_s = min(outside_wait_s, _KNOWN_WAIT_S) if known else outside_wait_s
            away = await unreachable(resolved, outside, wait_s)
            if away and not known:
                raise away[0]
            variables = settings_environment(resolved, servers.folder.folder("secrets"))
            keep_settings(servers.folder, variables)
            environment = _environment(servers, variables, embedded_ray="ray" in servers.which)
            start = _Start(servers, commands, environment, resolved, demo=demo)
            async with _renewing(settings, servers.folder.path):
                stack = Stack(resolved, _url(resolved), servers, outside, tuple(away))
                if not stack.partial:
                    await start.whole(door, stack)
                    yield stack
                    return
                async with start.workers_first(door, stack):
                    yield stack


class _Start:
    """Our own processes, in order."""

    def __init__(
        self,
        servers: EmbeddedServers,
        commands: Programs,
        environment: Mapping[str, str],
        settings: Settings,
        *,
        demo: bool,
    ) -> None:
        self._servers = servers
        self._commands = commands
        self._environment = environment
        self._settings = settings
        self._demo = demo

    async def whole(self, door: socket.socket, stack: Stack) -> None:
        """Everything. Raises StartFailed."""
        await self._migrate()
        self._open(door, stack)
        # Together: a worker asks nothing of the shards before a request does, and each takes
        # seconds of which most are imports.
        await self._servers.supervisor.start(self._shards(), *self._workers(door, stack.url))
        await self._start_demo()

    @asynccontextmanager
    async def workers_first(self, door: socket.socket, stack: Stack) -> AsyncIterator[None]:
        """Web workers; the rest while inside, once all servers answer. Raises StartFailed."""
        self._open(door, stack)
        await self._servers.supervisor.start(*self._workers(door, stack.url))
        following = asyncio.create_task(self._follow(stack.outside), name="start the rest")
        try:
            yield
        finally:
            following.cancel()
            # What is cancelled here was being started, and is stopped with the others.
            await asyncio.wait([following])

    async def _follow(self, outside: Mapping[str, str]) -> None:
        needed = {name: address for name, address in outside.items() if name in _NEEDED}
        while away := await unreachable(self._settings, needed, wait_s=0.0):
            log.debug("%s", away[0])
            await asyncio.sleep(_AGAIN_S)
        for step in (self._migrate, self._start_shards, self._start_demo):
            await self._insist(step)
        log.info("every server that is needed answers: the service is whole")

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """To end the service where it fails would end the intake of emergencies, too."""
        while True:
            try:
                return await step()
            except StartFailed as error:
                log.critical("only emergencies are taken: %s", error)
            await asyncio.sleep(_FAILED_AGAIN_S)

    def _open(self, door: socket.socket, stack: Stack) -> None:
        door.listen(_BACKLOG)
        self._servers.supervisor.announce(url=stack.url, outside=stack.outside)

    async def _migrate(self) -> None:
        supervisor = self._servers.supervisor
        await supervisor.run("migrate", self._commands.migrate, self._environment)

    async def _start_shards(self) -> None:
        await self._servers.supervisor.start(self._shards())

    def _shards(self) -> ManagedProcess:
        return _process(self._servers, "shards", self._commands.shards, self._environment)

    def _workers(self, door: socket.socket, url: str) -> Iterator[ManagedProcess]:
        for n in range(1, self._settings.web_workers + 1):
            command = self._commands.worker
            yield _process(self._servers, f"web-{n}", command, self._environment, door, url)

    async def _start_demo(self) -> None:
        if self._demo:
            process = _process(self._servers, "demo", self._commands.demo, self._environment)
            await self._servers.supervisor.start(process)


def _url(settings: Settings) -> str:
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls == 'on' else 'http'}://{shown}:{settings.port}"


@asynccontextmanager
async def _renewing(settings: Settings, data: Path) -> AsyncIterator[None]:
    """While the service runs, its certificate is renewed, where it is one of ours."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEWAL_EVERY_S)
            try:
                await asyncio.to_thread(
                    keep_certificate, data / TLS_FOLDER, names_for(settings), time.time()
                )
            except OSError as error:
                log.error("the certificate could not be renewed: %s", error)

    if settings.tls == "off" or settings.tls_cert is not None:
        yield
        return
    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewing


def _resolve(settings: Settings, servers: EmbeddedServers, port: int) -> Settings:
    """The settings with the embedded servers' addresses and this folder's secrets filled in."""
    found: dict[str, object] = {"data": servers.folder.path, "port": port}
    if "postgres" in servers.which:
        found["database_url"] = Secret(servers.database_url)
    if "redis" in servers.which:
        found["redis_url"] = Secret(servers.redis_url)
    if "ray" in servers.which:
        found["ray_address"] = servers.ray_address
    if "s3" in servers.which:
        found["s3_url"] = servers.s3.url
        found["s3_access_key"] = servers.s3.access_key
        found["s3_secret_key"] = Secret(servers.s3.secret_key)
        found["s3_region"] = servers.s3.region
    if settings.token_secret is None:
        found["token_secret"] = Secret(servers.folder.secret("token", random_secret))
    if settings.master_key is None:
        found["master_key"] = Secret(servers.folder.secret(MASTER_KEY, random_secret))
        if (servers.folder.folder("secrets") / NEXT_KEY).exists():  # a rotation did not end
            found["spare_master_key"] = Secret(servers.folder.secret(NEXT_KEY))
    if settings.tls == "on" and settings.tls_cert is None:
        files = keep_certificate(
            servers.folder.folder(TLS_FOLDER), names_for(settings), time.time()
        )
        found["tls_cert"], found["tls_key"] = files.certificate, files.key
    resolved = msgspec.structs.replace(settings, **found)
    if settings.public_url is None:
        # Everywhere is no place that a link can lead to; this machine's name may be one.
        host = socket.gethostname() if settings.host in EVERYWHERE else settings.host
        named = msgspec.structs.replace(resolved, host=host)
        return msgspec.structs.replace(resolved, public_url=_url(named))
    return resolved


def _environment(
    servers: EmbeddedServers, variables: Mapping[str, str], *, embedded_ray: bool
) -> dict[str, str]:
    """Ours is what the settings say; of Ray's own variables, the embedded cluster's only."""
    refused = (PREFIX, "RAY_") if embedded_ray else (PREFIX,)
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(refused)}
    search = [str(_ROOT), *filter(None, [inherited.get("PYTHONPATH")])]
    ray = servers.ray_environment if embedded_ray else {}
    return {**inherited, **ray, **variables, "PYTHONPATH": os.pathsep.join(search)}


def _process(
    servers: EmbeddedServers,
    name: str,
    command: tuple[str, ...],
    environment: Mapping[str, str],
    door: socket.socket | None = None,
    address: str = "",
) -> ManagedProcess:
    """One of our own processes: ready when it has said so (config/ready.py)."""
    ready = servers.folder.folder("ready") / name
    ready.unlink(missing_ok=True)

    async def has_said_so() -> None:
        await ask.file(ready)

    descriptors = () if door is None else (door.fileno(),)
    return ManagedProcess(
        name=name,
        argv=(*command, *(word for fd in descriptors for word in ("--fd", str(fd)))),
        environment={**environment, READY_VARIABLE: str(ready)},
        probe=has_said_so,
        after_life=lambda: ready.unlink(missing_ok=True),
        address=address,
        pass_fds=descriptors,
        # A new embedded cluster knows nothing of the old one's drivers and actors.
        restart_with=frozenset({"ray"}),
        stop_grace_s=15.0,
    )
