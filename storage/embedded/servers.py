"""The embedded servers of one data folder, as one thing to start, use and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from storage.embedded import binaries, port, server_postgres, server_ray, server_redis, server_s3
from storage.embedded.folder import DataFolder
from storage.embedded.process import ManagedProcess
from storage.embedded.sigv4 import S3Access
from storage.embedded.state import ProcessState
from storage.embedded.supervisor import Supervisor

ServerName = Literal["postgres", "redis", "s3", "ray"]
ALL: frozenset[ServerName] = frozenset(get_args(ServerName))


class EmbeddedServers:
    """An async context manager: inside it the chosen servers are ready, and are kept so.

    Raises DataFolderInUse, DataFolderRefused, ServerBinaryMissing or StartFailed on entering.
    Enter it on a thread that lives as long as the servers (see process.Life).
    """

    def __init__(
        self,
        data: Path,
        which: Collection[ServerName] = ALL,
        *,
        bucket: str = "maxray",
        num_cpus: int = 4,
        on_change: Callable[[ProcessState], None] | None = None,
    ) -> None:
        self.folder = DataFolder(data)
        self.supervisor = Supervisor(
            self.folder, binary=str(binaries.postgres()), on_change=on_change
        )
        self.which = frozenset(which)
        self.bucket = bucket
        self._num_cpus = num_cpus
        self._ports: dict[str, int] = {}

    async def __aenter__(self) -> EmbeddedServers:
        await self.supervisor.__aenter__()
        try:
            self._choose_ports()
            await self._start()
        except BaseException as error:  # also when cancelled: no server stays behind
            await self.supervisor.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.supervisor.__aexit__(kind, error, traceback)

    def _choose_ports(self) -> None:
        uses = {
            "postgres": ("postgres",),
            "redis": ("redis",),
            "s3": server_s3.PORTS,
            "ray": server_ray.PORTS,
        }
        wanted = [use for name in sorted(self.which) for use in uses[name]]
        kept = self.folder.ports()
        self._ports = port.choose(wanted, kept, server_s3.PORT_OFFSETS)
        self.folder.keep_ports({**kept, **self._ports})

    async def _start(self) -> None:
        """In parallel; PostgreSQL's cluster is made while the others start."""
        processes: list[ManagedProcess] = []
        if "redis" in self.which:
            processes.append(server_redis.process(self.folder, self._ports["redis"]))
        if "s3" in self.which:
            processes.append(server_s3.process(self.folder, self._ports, self.bucket))
        if "ray" in self.which:
            processes.append(server_ray.process(self.folder, self._ports, self._num_cpus))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.supervisor.start(*processes))
                if "postgres" in self.which:
                    group.create_task(self._start_postgres())
        except BaseExceptionGroup as failed:
            # The first failure cancelled the rest; one error is what the caller can act on.
            raise failed.exceptions[0] from None

    async def _start_postgres(self) -> None:
        process = await server_postgres.process(self.supervisor, self._ports["postgres"])
        await self.supervisor.start(process)

    # -- where they are -------------------------------------------------------------------------

    @property
    def database_url(self) -> str:
        """With the password of the application's role."""
        return server_postgres.database_url(self.folder, self._ports["postgres"])

    @property
    def redis_url(self) -> str:
        """With the password."""
        return server_redis.redis_url(self.folder, self._ports["redis"])

    @property
    def s3(self) -> S3Access:
        return server_s3.access(self.folder, self._ports)

    @property
    def ray_address(self) -> str:
        return server_ray.address(self._ports)

    @property
    def ray_environment(self) -> dict[str, str]:
        """What a driver must have in its environment, before it imports ray."""
        return server_ray.driver_environment(self.folder)
