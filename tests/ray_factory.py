"""Builds the tests' shards inside Ray's worker processes; named to `start_shards` as FACTORY."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Struct

from actors.clock import SystemClock
from actors.ports import Transport
from actors.shard import Shard
from storage.journal_postgres import PostgresJournal
from tests.account import KINDS
from tests.streams import FileStreams

FACTORY: Final = "tests.ray_factory:build"


class Config(Struct, frozen=True):
    """Which database, and the folder that stands for the channel streams."""

    database_url: str
    streams: str


async def build(
    index: int, transport: Transport, on_fenced: Callable[[], None], config: bytes
) -> Shard:
    settings = msgspec.json.decode(config, type=Config)
    journal = PostgresJournal(settings.database_url)
    await journal.open()
    return Shard(
        index,
        KINDS,
        journal,
        FileStreams(Path(settings.streams)),
        transport,
        SystemClock(),
        f"{index}/{os.getpid()}/{uuid4()}",
        on_fenced,
    )
