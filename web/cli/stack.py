"""The whole service on this machine: the servers, then our own processes, in order.

Servers in parallel → migrations → shards and web workers → demo. A server whose URL is set is an
outside one: it is asked whether it answers, and not started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

import web
from config import Secret, Settings, settings_environment
from config.ready import READY_VARIABLE
from config.source import PREFIX
from realtime.broker.sharding import split_urls
from storage.embedded import (
    EmbeddedServers,
    ManagedProcess,
    NotReady,
    S3Access,
    ServerName,
)
from storage.embedded import probe as ask
from storage.embedded.folder import random_secret
from storage.embedded.state import ProcessState
from web.cli.keys import MASTER_KEY, NEXT_KEY
from web.cli.running import keep_settings
from web.tls.context import EVERYWHERE, files_of, names_for, server_context
from web.tls.context import FOLDER as TLS_FOLDER
from web.tls.folder import keep as keep_certificate

log = logging.getLogger(__name__)

_ROOT: Final = Path(web.__file__).resolve().parent.parent
_BACKLOG: Final = 2048
# A certificate of ours is renewed a month before it ends; how often that is looked at.
_RENEWAL_EVERY_S: Final = 6 * 3600.0


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
    """A running service: its settings with all addresses and secrets resolved, and its servers."""

    settings: Settings
    url: str
    servers: EmbeddedServers
    outside: dict[str, str]


class OutsideUnreachable(Exception):
    """A server that the settings say runs elsewhere does not answer."""

    def __init__(self, name: str, address: str, reason: str) -> None:
        super().__init__(f"{name} at {address} does not answer: {reason}")
        self.name = name
        self.address = address


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

    `outside_wait_s`: how long an outside server may take to answer at first.

    Raises EmbeddedError (StartFailed, DataFolderInUse, …), OutsideUnreachable, PortTaken or
    CertificateRefused.
    """
    commands = programs or Programs()
    if settings.tls_cert is not None and (files := files_of(settings)) is not None:
        server_context(files)  # whether it can be used, before anything is started
    with listening_socket(settings.host, settings.port) as door:
        embedded, outside = _split(settings)
        servers = EmbeddedServers(
            settings.data, embedded, bucket=settings.s3_bucket, on_change=on_change
        )
        async with servers:
            resolved = _resolve(settings, servers, port=door.getsockname()[1])
            await _ask_outside(resolved, outside, outside_wait_s)
            url = _url(resolved)
            variables = settings_environment(resolved, servers.folder.folder("secrets"))
            keep_settings(servers.folder, variables)
            environment = _environment(servers, variables, embedded_ray="ray" in embedded)
            supervisor = servers.supervisor
            await supervisor.run("migrate", commands.migrate, environment)
            door.listen(_BACKLOG)
            supervisor.announce(url=url, outside=outside)
            # Together: a worker asks nothing of the shards before a request does, and each takes
            # seconds of which most are imports.
            await supervisor.start(
                _process(servers, "shards", commands.shards, environment),
                *(
                    _process(servers, f"web-{n}", commands.worker, environment, door, url)
                    for n in range(1, settings.web_workers + 1)
                ),
            )
            if demo:
                await supervisor.start(_process(servers, "demo", commands.demo, environment))
            async with _renewing(settings, servers.folder.path):
                yield Stack(resolved, url, servers, outside)


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


def _split(settings: Settings) -> tuple[frozenset[ServerName], dict[str, str]]:
    """Which servers are ours to start; of the others, where they are (without passwords)."""
    places: dict[ServerName, str | None] = {
        "postgres": _place(settings.database_url),
        "redis": _places(settings.redis_url),
        "s3": settings.s3_url,
        "ray": settings.ray_address,
    }
    outside: dict[str, str] = {name: place for name, place in places.items() if place is not None}
    return frozenset(name for name in places if name not in outside), outside


def _place(url: Secret | None) -> str | None:
    return None if url is None else url.reveal().rpartition("@")[2].rpartition("//")[2]


def _places(urls: Secret | None) -> str | None:
    """Where several are, separated by commas."""
    if urls is None:
        return None
    return ", ".join(_place(Secret(url)) or "" for url in split_urls(urls.reveal()))


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


async def ask_server(name: str, settings: Settings) -> None:
    """Whether this server of resolved settings answers. Raises NotReady or OSError."""
    if name == "postgres":
        assert settings.database_url is not None
        await ask.postgres(settings.database_url.reveal())
    elif name == "redis":
        assert settings.redis_url is not None
        for url in split_urls(settings.redis_url.reveal()):
            await ask.redis(url)
    elif name == "s3":
        assert settings.s3_url and settings.s3_access_key and settings.s3_secret_key
        access = S3Access(
            url=settings.s3_url.rstrip("/"),
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.reveal(),
            region=settings.s3_region,
        )
        await ask.s3(access, settings.s3_bucket)
    else:
        assert settings.ray_address is not None
        await ask.ray(settings.ray_address)


async def _ask_outside(settings: Settings, outside: Mapping[str, str], wait_s: float) -> None:
    async def asked(name: str, address: str) -> None:
        deadline = asyncio.get_running_loop().time() + wait_s
        while True:
            try:
                return await ask_server(name, settings)
            except (NotReady, OSError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    reason = str(error) or type(error).__name__
                    raise OutsideUnreachable(name, address, reason) from error
            await asyncio.sleep(0.2)  # somebody watches it start; a refused connection costs little

    await asyncio.gather(*(asked(name, address) for name, address in outside.items()))


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
