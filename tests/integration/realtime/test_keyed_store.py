"""One contract, every store of maps: what holds in memory holds in Redis."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from realtime.broker.broker import Broker
from realtime.broker.broker_memory import MemoryBroker
from realtime.broker.broker_redis import RedisBroker
from realtime.maps.keyed import ChangeMode, KeyedChange, KeyedRetention, KeyedStore
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.maps.keyed_redis import RedisKeyedStore
from realtime.publication import Peer, Publication
from realtime.settings import BrokerSettings
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.waiting import until

_prefixes = (f"keyed-{number}" for number in itertools.count())
KEPT = KeyedRetention()


class Maps:
    """A store, and what its broker delivered."""

    def __init__(self, store: KeyedStore, broker: Broker) -> None:
        self.store = store
        self.broker = broker
        self.got: list[Publication] = []

    async def set(self, key: str, data: str = "1", retention: KeyedRetention = KEPT) -> int:
        outcome = await self.store.change([KeyedChange("m:1", key, retention, data.encode())])
        assert outcome[0].applied
        return outcome[0].position.offset

    async def remove(self, key: str, retention: KeyedRetention = KEPT) -> str:
        change = KeyedChange("m:1", key, retention, removed=True)
        return (await self.store.change([change]))[0].reason

    async def state(self) -> dict[str, bytes]:
        found = await self.store.changes("m:1", 0, 1000)
        return {one.key: one.data for one in found.changes if not one.removed}


@pytest_asyncio.fixture(params=["memory", "redis"], loop_scope="session")
async def maps(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[Maps]:
    settings = BrokerSettings(prefix=next(_prefixes))
    broker: Broker
    store: KeyedStore
    if request.param == "memory":
        broker = MemoryBroker(settings)
        store = MemoryKeyedStore(broker)
    else:
        broker = RedisBroker(redis_server.url, settings)
        store = RedisKeyedStore(redis_server.url, settings)
    maps = Maps(store, broker)
    await broker.start(maps.got.append, lambda _: None)
    await broker.subscribe("m:1")
    yield maps
    await broker.stop()
    if isinstance(store, RedisKeyedStore):
        await store.close()


async def test_a_change_is_kept_and_delivered_as_it_was_made(maps: Maps) -> None:
    peer = Peer("ann", "c1", b'{"name":"Ann"}')
    change = KeyedChange(
        "m:1", "ключ", KEPT, b'{"x":1}', info=peer, tags={"a": "b"}, score=-7, time=12
    )
    outcome = (await maps.store.change([change]))[0]
    expected = Publication(
        "m:1",
        b'{"x":1}',
        1,
        outcome.position.epoch,
        "ключ",
        "keyed",
        peer,
        {"a": "b"},
        12,
        False,
        -7,
    )
    assert (await maps.store.changes("m:1", 0, 10)).changes == (expected,)
    await until(lambda: maps.got == [expected])


async def test_each_key_stands_once_in_the_log_where_it_changed_last(maps: Maps) -> None:
    for key in ("a", "b", "a", "c"):
        await maps.set(key)
    await maps.remove("b")
    found = await maps.store.changes("m:1", 0, 10)
    assert [(one.key, one.offset, one.removed) for one in found.changes] == [
        ("a", 3, False),
        ("c", 4, False),
        ("b", 5, True),
    ]
    assert (found.position.offset, found.floor) == (5, 0)
    assert await maps.store.top("m:1") == found.position


async def test_the_log_is_read_page_by_page(maps: Maps) -> None:
    for number in range(5):
        await maps.set(f"k{number}")
    first = await maps.store.changes("m:1", 0, 3)
    second = await maps.store.changes("m:1", first.changes[-1].offset, 3)
    assert [one.key for one in (*first.changes, *second.changes)] == ["k0", "k1", "k2", "k3", "k4"]
    assert first.position == second.position


async def test_changes_arrive_once_each_and_in_order(maps: Maps) -> None:
    batch = [KeyedChange("m:1", f"k{n % 7}", KEPT, b"%d" % n) for n in range(300)]
    outcomes = await maps.store.change(batch)
    assert [one.position.offset for one in outcomes] == list(range(1, 301))
    await until(lambda: len(maps.got) == 300)
    assert [(one.offset, one.data) for one in maps.got] == [(n + 1, b"%d" % n) for n in range(300)]


async def test_what_is_not_there_cannot_be_removed(maps: Maps) -> None:
    assert await maps.remove("a") == "key_not_found"
    await maps.set("a")
    assert await maps.remove("a") == ""
    assert await maps.remove("a") == "key_not_found"
    assert (await maps.store.changes("m:1", 0, 10)).position.offset == 2


async def test_a_removed_key_can_be_set_again(maps: Maps) -> None:
    await maps.set("a", "1")
    await maps.remove("a")
    await maps.set("a", "2")
    found = await maps.store.changes("m:1", 0, 10)
    assert [(one.offset, one.data, one.removed) for one in found.changes] == [(3, b"2", False)]


@pytest.mark.parametrize(
    ("mode", "exists", "reason"),
    [
        ("if_new", False, ""),
        ("if_new", True, "key_exists"),
        ("if_exists", False, "key_not_found"),
        ("if_exists", True, ""),
    ],
)
async def test_a_set_may_depend_on_the_key(
    maps: Maps, mode: ChangeMode, exists: bool, reason: str
) -> None:
    if exists:
        await maps.set("a", "1")
    change = KeyedChange("m:1", "a", KEPT, b"2", mode=mode)
    assert (await maps.store.change([change]))[0].reason == reason
    assert (await maps.state()).get("a") == (b"2" if not reason else b"1" if exists else None)


async def test_a_full_map_takes_no_new_key_but_changes_of_those_it_has(maps: Maps) -> None:
    full = KeyedRetention(max_keys=2)
    for key in ("a", "b"):
        await maps.set(key, retention=full)
    refused = KeyedChange("m:1", "c", full, b"1")
    assert (await maps.store.change([refused]))[0].reason == "limit"
    await maps.set("a", "2", retention=full)
    await maps.remove("b", full)
    assert (await maps.store.change([refused]))[0].applied
    assert set(await maps.state()) == {"a", "c"}


async def test_the_oldest_removals_are_forgotten_and_the_floor_says_how_far(maps: Maps) -> None:
    few = KeyedRetention(removed_size=2)
    for key in ("a", "b", "c", "d"):
        await maps.set(key, retention=few)
    for key in ("a", "b", "c"):
        await maps.remove(key, few)
    found = await maps.store.changes("m:1", 0, 10)
    assert [(one.key, one.removed) for one in found.changes] == [
        ("d", False),
        ("b", True),
        ("c", True),
    ]
    assert found.floor == 5


async def test_an_expired_key_is_removed_and_that_is_told(maps: Maps) -> None:
    brief = KeyedRetention(key_ttl_s=0.05, removed_size=10)
    await maps.set("a", retention=brief)
    await maps.set("stays", retention=KeyedRetention(removed_size=10))

    async def expired() -> bool:
        await maps.store.expire()
        return set(await maps.state()) == {"stays"}

    async with asyncio.timeout(5):
        while not await expired():
            await asyncio.sleep(0.01)
    await until(lambda: len(maps.got) == 3)
    assert (maps.got[-1].key, maps.got[-1].removed, maps.got[-1].offset) == ("a", True, 3)
    assert await maps.store.expire() == 0


async def test_several_nodes_expire_a_key_once(maps: Maps) -> None:
    brief = KeyedRetention(key_ttl_s=0.02)
    for number in range(20):
        await maps.set(f"k{number}", retention=brief)
    removed = 0
    async with asyncio.timeout(5):
        while removed < 20:
            removed += sum(await asyncio.gather(*(maps.store.expire() for _ in range(4))))
            await asyncio.sleep(0.01)
    await until(lambda: len(maps.got) == 40)
    assert removed == 20
    assert [one.removed for one in maps.got] == [False] * 20 + [True] * 20


async def test_a_key_that_is_set_again_lives_on(maps: Maps) -> None:
    await maps.set("a", retention=KeyedRetention(key_ttl_s=0.001))
    await maps.set("a", retention=KeyedRetention(key_ttl_s=60))
    await maps.set("b", retention=KeyedRetention(key_ttl_s=0.001))
    await maps.set("b", retention=KEPT)
    change = KeyedChange("m:1", "c", KeyedRetention(key_ttl_s=0.001), b"1")
    await maps.store.change([change])
    sign = KeyedChange(
        "m:1", "c", KeyedRetention(key_ttl_s=60), b"2", mode="if_new", refresh_ttl=True
    )
    assert (await maps.store.change([sign]))[0].reason == "key_exists"
    await asyncio.sleep(0.01)  # ten times what a key had to live
    assert await maps.store.expire() == 0
    assert await maps.state() == {"a": b"1", "b": b"1", "c": b"1"}


async def test_a_map_that_was_only_read_has_an_epoch_and_keeps_it(maps: Maps) -> None:
    empty = await maps.store.changes("m:1", 0, 10)
    assert empty.changes == () and empty.position.offset == 0 and empty.position.epoch
    await maps.set("a")
    assert (await maps.store.changes("m:1", 0, 10)).position.epoch == empty.position.epoch
    assert await maps.store.top("m:other") is None


async def test_a_cleared_map_goes_on_under_another_epoch(maps: Maps) -> None:
    await maps.set("a", retention=KeyedRetention(key_ttl_s=0.001))
    before = (await maps.store.changes("m:1", 0, 10)).position
    await maps.store.clear("m:1")
    after = await maps.store.changes("m:1", 0, 10)
    assert after.changes == () and after.position.epoch != before.epoch
    await until(lambda: len(maps.got) == 2)
    told = maps.got[-1]
    assert (told.key, told.offset, told.epoch) == ("", 1, after.position.epoch)
    assert await maps.set("b") == 2
    assert await maps.state() == {"b": b"1"}
    await asyncio.sleep(0.01)  # ten times what a key had to live
    assert await maps.store.expire() == 0


async def test_a_quiet_map_is_forgotten(maps: Maps) -> None:
    await maps.set("a", retention=KeyedRetention(meta_ttl_s=0.02))
    before = (await maps.store.changes("m:1", 0, 10)).position
    async with asyncio.timeout(5):
        while await maps.store.top("m:1") is not None:
            await asyncio.sleep(0.01)
    after = await maps.store.changes("m:1", 0, 10)
    assert after.changes == () and after.position.epoch != before.epoch


async def test_maps_are_apart(maps: Maps) -> None:
    await maps.set("a")
    await maps.store.change([KeyedChange("m:2", "b", KEPT, b"2")])
    assert await maps.state() == {"a": b"1"}


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_a_length(key: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        KeyedChange("m:1", key, KEPT)
