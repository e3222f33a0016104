"""Builds a shard inside its own process: the shards' side of the composition root.

Imports neither the web framework nor the ORM, so that a shard that died is back within a second or
two.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from actors.clock import SystemClock
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.kernel import Behaviour
from actors.domain.registry import kinds
from actors.ports import JournalUnavailable, Transport
from actors.shard import Shard
from config.logging import configure_logging
from config.settings import LogLevel
from realtime.broker.publisher_redis import RedisPublisher
from realtime.maps.keyed_redis import RedisKeyedStore
from storage.encryption import EncryptionError, MasterKeys, PostgresKeyStore, Vault
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from web.publishing import StreamPublisher
from web.travel import travel_estimate

FACTORY: Final = "web.shard_factory:build"


class ShardConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What a shard's process is told.

    It passes through the cluster's memory, never its disk. Whoever can read it there holds the
    cluster's token and could run code as the shards themselves.
    """

    database_url: str
    redis_url: str
    master_key: str
    spare_master_key: str | None = None
    offer_timeout_s: float = 30.0
    offer_attempts: int = 3
    log_level: LogLevel = "info"
    dispatch_policy: str = "combined"
    escalation_s: float = 60.0
    roads: str | None = None
    roads_zone: str = "UTC"
    data: str = "var"


def behaviours_of(settings: ShardConfig) -> Mapping[str, Behaviour[Any]]:
    """All kinds of entities, under an operator's rules. Raises ValueError, RoadsRefused."""
    rules = DispatchRules(
        offer_ttl_s=settings.offer_timeout_s,
        max_tries=settings.offer_attempts,
        escalate_s=settings.escalation_s,
    )
    roads = None if settings.roads is None else Path(settings.roads)
    travel = travel_estimate(roads, settings.roads_zone, Path(settings.data))
    return kinds(rules, policy_named(settings.dispatch_policy), travel)


async def build(
    index: int, transport: Transport, on_fenced: Callable[[], None], config: bytes
) -> Shard:
    """A shard on PostgreSQL and Redis. Raises JournalUnavailable while PostgreSQL is away."""
    settings = msgspec.json.decode(config, type=ShardConfig)
    configure_logging(settings.log_level, "json")
    spare = [] if settings.spare_master_key is None else [settings.spare_master_key]
    vault = Vault(PostgresKeyStore(settings.database_url), MasterKeys(settings.master_key, *spare))
    try:
        await vault.start()
    except EncryptionError as error:
        raise JournalUnavailable(str(error)) from error
    journal = SealedJournal(PostgresJournal(settings.database_url), vault)
    await journal.open()
    publisher = StreamPublisher(
        RedisPublisher(settings.redis_url),
        RedisKeyedStore(settings.redis_url),
        await journal.journal_id(),
        vault,
    )
    owner = f"shard-{index}/{os.getpid()}/{secrets.token_hex(4)}"
    behaviours = behaviours_of(settings)
    shard = Shard(index, behaviours, journal, publisher, transport, SystemClock(), owner, on_fenced)
    vault.on_erased(shard.forget)
    return shard
