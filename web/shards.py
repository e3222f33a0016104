"""`python -m web.shards`: the process that keeps the shards.

It sees to it that the cluster runs the shards that the settings ask for, and stops them cleanly
when it is told to end. Ray, not this process, restarts a shard that dies. It also writes the heads
of the audit's chains to the object store: it is one, and outlives the web workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from actors import cluster
from actors.clock import SystemClock
from actors.domain.dispatch.catalogue import policy_named
from actors.errors import RuntimeFault
from config import Settings
from config.logging import configure_logging
from config.ready import announce_ready
from config.source import load_settings, variable
from storage.audit.head_keeper import HeadKeeper, head_schedule
from storage.audit.heads_s3 import S3HeadStore
from web.shard_factory import FACTORY, ShardConfig
from web.travel import RoadsRefused, travel_of

log = logging.getLogger(__name__)

# The cluster notices a dead shard by itself; this look only says so in our log.
WATCH_S: Final = 5.0


async def keep(address: str, shards: int, config: ShardConfig) -> None:
    """Run the shards on the cluster at `address` until SIGTERM or SIGINT, then stop them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    cluster.connect(address)
    try:
        await cluster.start_shards(shards, FACTORY, msgspec.json.encode(config))
        announce_ready(os.environ)
        log.info("%d shards run", shards)
        transport = cluster.RayTransport(shards)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)
            await _look(transport)
        await cluster.stop_shards()
    finally:
        cluster.disconnect()


async def _run(settings: Settings, config: ShardConfig) -> None:
    """The shards, and while they run and once after they ended the heads of the audit's chains."""
    assert settings.ray_address and settings.database_url
    async with AsyncExitStack() as closing:
        if settings.s3_url is None:
            log.warning("the heads of the audit's chains are not kept: no %s", variable("s3_url"))
        else:
            clock = SystemClock()
            store = await closing.enter_async_context(S3HeadStore(settings))
            keeper = HeadKeeper(settings.database_url.reveal(), store, clock)
            schedule = head_schedule(keeper, settings.audit_heads_s, clock)
            await closing.enter_async_context(schedule)
        await keep(settings.ray_address, settings.shards, config)


async def _look(transport: cluster.RayTransport) -> None:
    for index in range(transport.shards):
        try:
            await transport.check(index)
        except RuntimeFault as error:
            log.warning("shard %d does not answer: %s", index, error)


def main() -> int:
    """Settings come from the environment, as for every process of `maxray up`."""
    settings = load_settings(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    needed = ("database_url", "redis_url", "ray_address", "master_key")
    missing = [name for name in needed if not getattr(settings, name)]
    if missing:
        log.critical("the shards' keeper needs %s", ", ".join(map(variable, missing)))
        return 2
    try:
        policy_named(settings.dispatch_policy)
    except ValueError as error:
        log.critical("%s: %s", variable("dispatch_policy"), error)
        return 2
    try:
        # Here first, where somebody sees what is wrong; and computed once, for all shards.
        travel_of(settings)
    except RoadsRefused as error:
        log.critical("%s", error)
        return 2
    assert settings.database_url and settings.redis_url and settings.ray_address
    assert settings.master_key
    spare = settings.spare_master_key
    config = ShardConfig(
        settings.database_url.reveal(),
        settings.redis_url.reveal(),
        settings.master_key.reveal(),
        None if spare is None else spare.reveal(),
        settings.offer_timeout_s,
        settings.offer_attempts,
        settings.log_level,
        settings.dispatch_policy,
        settings.escalation_s,
        None if settings.roads is None else str(settings.roads.resolve()),
        settings.roads_zone,
        str(settings.data.resolve()),
    )
    asyncio.run(_run(settings, config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
