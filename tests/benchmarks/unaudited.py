"""Shards that write no audit rows: what B1 compares itself with, to say what the audit costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from unittest.mock import patch

from msgspec.structs import replace

from actors.ports import Commit, Transport
from actors.shard import Shard
from storage.journal_sealed import SealedJournal
from web import shard_factory

FACTORY: Final = "tests.benchmarks.unaudited:build"


class _Unaudited(SealedJournal):
    async def commit(self, commit: Commit) -> int:
        return await super().commit(replace(commit, audit=()))


async def build(
    index: int, transport: Transport, on_fenced: Callable[[], None], config: bytes
) -> Shard:
    """The product's own shard but for that. Only ever called in a shard's own process."""
    with patch.object(shard_factory, "SealedJournal", _Unaudited):
        return await shard_factory.build(index, transport, on_fenced, config)
