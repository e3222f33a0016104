"""Presence: one contract for every store."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from realtime.errors import BrokerUnavailable
from realtime.presence.presence import Presence, PresenceStats, Present
from realtime.presence.presence_memory import MemoryPresence
from realtime.presence.presence_redis import RedisPresence
from realtime.publication import Peer
from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import NAMES
from tests.integration.realtime.redis_server import RedisServer

_prefixes = (f"presence-{number}" for number in itertools.count())


@pytest_asyncio.fixture(params=["memory", "redis", "sharded"], loop_scope="session")
async def presence(
    request: pytest.FixtureRequest, redis_urls: Mapping[str, str]
) -> AsyncIterator[Presence]:
    """Entries are kept for a second."""
    settings = BrokerSettings(presence_ttl_s=1, prefix=next(_prefixes))
    if request.param == "memory":
        yield MemoryPresence(settings)
        return
    store = RedisPresence(redis_urls[request.param], settings)
    yield store
    await store.close()


def present(client: str, user: str = "ann", channel: str = "p:1", info: str = "") -> Present:
    return Present(channel, client, Peer(user, client, info.encode(), b"[1]"))


async def test_who_was_added_is_there_until_removed(presence: Presence) -> None:
    await presence.add([present("c1"), present("c2", "bob"), present("c1", channel="p:2")])
    assert await presence.clients("p:1") == {
        "c1": present("c1").info,
        "c2": present("c2", "bob").info,
    }
    await presence.remove([present("c1"), present("c9"), present("c1", channel="p:none")])
    assert await presence.clients("p:1") == {"c2": present("c2", "bob").info}
    assert await presence.clients("p:2") == {"c1": present("c1").info}
    assert await presence.clients("p:none") == {}


async def test_users_are_counted_once_each(presence: Presence) -> None:
    await presence.add([present("c1"), present("c2"), present("c3", "bob"), present("c4", "")])
    assert await presence.stats("p:1") == PresenceStats(4, 3)
    await presence.add([present("c1"), present("c1")])
    assert await presence.stats("p:1") == PresenceStats(4, 3)
    await presence.remove([present("c1")])
    assert await presence.stats("p:1") == PresenceStats(3, 3)
    await presence.remove([present("c2"), present("c2")])
    assert await presence.stats("p:1") == PresenceStats(2, 2)
    await presence.remove([present("c3", "bob"), present("c4", "")])
    assert await presence.stats("p:1") == PresenceStats(0, 0)


async def test_an_entry_may_change(presence: Presence) -> None:
    await presence.add([present("c1"), present("c2")])
    await presence.add([present("c1", "bob", info='{"v":2}')])
    assert await presence.clients("p:1") == {
        "c1": present("c1", "bob", info='{"v":2}').info,
        "c2": present("c2").info,
    }
    assert await presence.stats("p:1") == PresenceStats(2, 2)
    await presence.remove([present("c1")])
    assert await presence.stats("p:1") == PresenceStats(1, 1)


async def test_who_is_not_renewed_disappears(presence: Presence) -> None:
    await presence.add([present("gone", "bob"), present("stays"), present("x", channel="p:2")])
    async with asyncio.timeout(5):
        while len(await presence.clients("p:1")) == 2:
            await asyncio.sleep(0.05)
            await presence.add([present("stays")])
    assert await presence.clients("p:1") == {"stays": present("stays").info}
    assert await presence.stats("p:1") == PresenceStats(1, 1)
    assert await presence.stats("p:2") == PresenceStats(0, 0)


@pytest.mark.parametrize("name", NAMES)
async def test_any_names_will_do(presence: Presence, name: str) -> None:
    await presence.add([present(name, name, name), present("c", name, name + "x")])
    assert await presence.clients(name) == {name: present(name, name, name).info}
    assert await presence.stats(name) == PresenceStats(1, 1)
    await presence.remove([present(name, name, name)])
    assert await presence.clients(name) == {}


async def test_large_batches_and_crowds(presence: Presence) -> None:
    crowd = [present(f"c{number}", f"u{number % 100}", f"p:{number % 2}") for number in range(2000)]
    await presence.add(crowd)
    assert await presence.stats("p:0") == PresenceStats(1000, 50)
    assert len(await presence.clients("p:1")) == 1000
    await presence.remove(crowd)
    assert await presence.stats("p:0") == PresenceStats(0, 0)


async def test_nothing_is_nothing(presence: Presence) -> None:
    await presence.add([])
    await presence.remove([])
    assert await presence.stats("p:1") == PresenceStats(0, 0)


async def test_a_lost_redis_says_so_and_is_filled_again(own_redis: RedisServer) -> None:
    store = RedisPresence(own_redis.url)
    try:
        await store.add([present("c1")])
        own_redis.kill()
        with pytest.raises(BrokerUnavailable):
            await store.add([present("c1")])
        with pytest.raises(BrokerUnavailable):
            await store.clients("p:1")
        await own_redis.start()
        assert await store.clients("p:1") == {}
        await store.add([present("c1")])
        assert await store.stats("p:1") == PresenceStats(1, 1)
    finally:
        await store.close()


async def test_nothing_is_left_of_a_channel_that_all_have_left(own_redis: RedisServer) -> None:
    store = RedisPresence(own_redis.url, BrokerSettings(presence_ttl_s=1))
    try:
        await store.add([present("c1"), present("c2", channel="p:2")])
        await store.remove([present("c1")])
        with own_redis.client() as client:
            assert all(b"p:2" in key for key in client.scan_iter())
            async with asyncio.timeout(5):
                while client.dbsize():  # a dead node's, that nobody asks for either
                    await asyncio.sleep(0.05)
    finally:
        await store.close()
