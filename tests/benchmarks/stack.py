"""The servers and shards a benchmark runs on: the embedded servers, the product's own shards."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from actors.domain.doctor.commands import RegisterDoctor
from actors.domain.kernel import Command, EntityRef, Sender
from actors.router import Router
from storage.embedded.servers import EmbeddedServers
from storage.migrate import run as migrate
from web.shard_factory import FACTORY, ShardConfig

MASTER_KEY = "0123456789abcdef" * 4
ADMIN = Sender("admin", "bench")


class Stack(Struct, frozen=True):
    """Where everything is."""

    database_url: str
    redis_url: str
    ray_address: str


@asynccontextmanager
async def servers(data: Path) -> AsyncIterator[Stack]:
    """PostgreSQL (fsync on), Redis and Ray, migrated; our environment made a driver's."""
    async with EmbeddedServers(data, {"postgres", "redis", "ray"}) as embedded:
        os.environ.update(embedded.ray_environment)
        await migrate(embedded.database_url)
        yield Stack(embedded.database_url, embedded.redis_url, embedded.ray_address)


async def start_shards(stack: Stack, shards: int, factory: str = FACTORY) -> None:
    """The shards of the product (or of `factory`), on the cluster this process is connected to."""
    from actors import cluster  # after the environment is a driver's

    config = ShardConfig(stack.database_url, stack.redis_url, MASTER_KEY)
    await cluster.start_shards(shards, factory, msgspec.json.encode(config))


async def tell(router: Router, ref: EntityRef, command: Command, id_: str, by: Sender) -> None:
    """One durable command, with patience for a loaded machine and a dying shard."""
    await router.ask(ref, command, id=id_, by=by, timeout_s=30.0)


def registration(n: int) -> RegisterDoctor:
    return RegisterDoctor(
        name=f"Doctor {n}", specialties=("emergency_medicine",), registration_number=f"R{n}"
    )


async def count(url: str, sql: str, *args: object) -> int:
    """One number straight from PostgreSQL, past all of our code."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(sql, *args))
    finally:
        await connection.close()
