"""Appended streams and several Redises when one is lost, hangs, or forgets: nothing hangs, nothing
is doubled, and whoever missed something is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
import pytest_asyncio

from realtime.broker.broker_redis import RedisBroker
from realtime.broker.sharding import shard_of
from realtime.errors import BrokerUnavailable, UnrecoverablePosition
from realtime.ports import SubscribeOptions
from realtime.publication import Append, Publication, Retention, StreamPosition
from realtime.settings import BrokerSettings, RealtimeSettings
from tests.integration.realtime.listener import Listener, facts
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.service import Device, serving
from tests.integration.realtime.waiting import until

KEPT = Retention(size=100, ttl_s=60.0)
SETTINGS = BrokerSettings(
    prefix="outage",
    heartbeat_s=0.25,
    reconnect_max_s=0.1,
    connect_timeout_s=0.3,
    command_timeout_s=0.5,
)
PATIENT = BrokerSettings(prefix="outage", reconnect_max_s=0.1)


def append(channel: str, data: str = "1", key: str = "") -> Append:
    return Append(channel, data.encode(), KEPT, idempotency_key=key)


@pytest_asyncio.fixture(loop_scope="session")
async def alone(own_redis: RedisServer) -> AsyncIterator[Listener]:
    listener = Listener(RedisBroker(own_redis.url, SETTINGS))
    await listener.start()
    yield listener
    own_redis.resume()
    await listener.broker.stop()


class Three:
    """A broker on three Redises, and a channel on each."""

    def __init__(self, servers: Sequence[RedisServer]) -> None:
        self.servers = servers
        self.broker = RedisBroker(",".join(server.url for server in servers), SETTINGS)
        self.listener = Listener(self.broker, 3)
        names = {shard_of(name, 3): name for name in (f"r:{number}" for number in range(50))}
        self.channels = [names[shard] for shard in range(3)]


@pytest_asyncio.fixture(loop_scope="session")
async def three(own_redises: Sequence[RedisServer]) -> AsyncIterator[Three]:
    three = Three(own_redises)
    await three.listener.start()
    for channel in three.channels:
        await three.broker.subscribe(channel)
    yield three
    for server in own_redises:
        server.resume()
    await three.broker.stop()


def kill(server: RedisServer) -> None:
    server.kill()


def pause(server: RedisServer) -> None:
    server.pause()


@pytest.mark.parametrize("lose", [kill, pause])
async def test_the_loss_of_one_redis_touches_its_channels_only(
    three: Three, lose: Callable[[RedisServer], None]
) -> None:
    lost, *others = three.channels
    for channel in three.channels:
        await three.broker.append(append(channel))
    await three.listener.flush()
    lose(three.servers[0])
    await until(lambda: not three.broker.reaches(0))
    with pytest.raises(BrokerUnavailable):
        await three.broker.append(append(lost))
    with pytest.raises(BrokerUnavailable):
        await three.broker.check()
    batch = [Publication(channel, b"2", 1, "e1") for channel in three.channels]
    with pytest.raises(BrokerUnavailable):
        await three.broker.publish(batch)
    for channel in others:
        assert (await three.broker.append(append(channel, "3"))).offset == 2
        assert await three.broker.top(channel) == StreamPosition(1, "e1")
    await until(lambda: len(three.listener.got) == 7)
    assert three.listener.reconnects == []
    if lose is kill:
        await three.servers[0].start()
    three.servers[0].resume()
    await until(lambda: three.listener.reconnects)
    (told,) = three.listener.reconnects
    assert (lost in told, told & set(others)) == (True, frozenset())
    await three.broker.check()
    await three.broker.append(append(lost, "back"))
    await until(lambda: three.listener.got[-1].data == b"back")


async def test_every_redis_holds_its_own_channels_only(three: Three) -> None:
    for number in range(60):
        await three.broker.append(append(f"c:{number}"))
    for shard, server in enumerate(three.servers):
        with server.client() as client:
            streams = {key.decode() for key in client.scan_iter("outage:a:*")}
        expected = {f"c:{number}" for number in range(60) if shard_of(f"c:{number}", 3) == shard}
        assert streams == {f"outage:a:{channel}" for channel in expected}


async def test_a_redis_that_lost_its_data_begins_another_epoch(
    alone: Listener, own_redis: RedisServer
) -> None:
    await alone.broker.subscribe("r:1")
    await alone.broker.append(append("r:1"))
    top = await alone.broker.append(append("r:1"))
    own_redis.kill()
    await own_redis.start()
    await until(lambda: alone.reconnects)
    with pytest.raises(UnrecoverablePosition):
        await alone.broker.stream("r:1", top, -1, KEPT)
    position = await alone.broker.append(append("r:1"))
    assert (position.offset, position.epoch != top.epoch) == (1, True)


async def test_nothing_waits_for_ever_for_a_redis_that_hangs(
    alone: Listener, own_redis: RedisServer
) -> None:
    await alone.broker.subscribe("r:1")
    await alone.broker.append(append("r:1"))
    own_redis.pause()
    began = time.monotonic()
    calls: list[Awaitable[object]] = [
        *(alone.broker.append(append("r:1", key=key)) for key in ("", "k")),
        alone.broker.stream("r:1", None, -1, KEPT),
        alone.broker.clear("r:1"),
        alone.broker.top("r:1"),
        alone.broker.history("r:1", 0, 10),
        alone.broker.latest("r:1"),
        alone.broker.publish(facts("r:1", 1)),
        alone.broker.subscribe("r:2"),
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * len(calls)
    await alone.broker.unsubscribe("r:1")
    assert time.monotonic() - began < 5 * SETTINGS.command_timeout_s
    # The listener's is any broker; this one is on Redis.
    await until(lambda: not alone.broker.connected)  # type: ignore[attr-defined]
    own_redis.resume()
    await until(lambda: alone.reconnects)
    assert (await alone.broker.append(append("r:1"))).offset >= 2


async def test_stopping_does_not_wait_for_a_redis_that_hangs(own_redis: RedisServer) -> None:
    broker = RedisBroker(own_redis.url, SETTINGS)
    await broker.start(lambda _: None, lambda _: None)
    await broker.append(append("r:1"))
    own_redis.pause()
    try:
        waiting = asyncio.create_task(broker.append(append("r:1")))
        await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await broker.stop()
        with pytest.raises(BrokerUnavailable):
            await waiting
    finally:
        own_redis.resume()


async def test_cut_connections_never_double_an_append_with_a_key(own_redis: RedisServer) -> None:
    broker = RedisBroker(own_redis.url, PATIENT)
    await broker.start(lambda _: None, lambda _: None)
    try:
        lost = 0
        for number in range(60):
            calls = [broker.append(append("r:1", f"{n}", f"{number}-{n}")) for n in range(5)]
            if number % 3 == 0:
                with own_redis.client() as client:
                    client.client_kill_filter(_type="normal", skipme=True)
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            for n, outcome in enumerate(outcomes):
                if isinstance(outcome, BrokerUnavailable):
                    lost += 1  # twice unlucky: the caller repeats it with the same key
                    await broker.append(append("r:1", f"{n}", f"{number}-{n}"))
                else:
                    assert isinstance(outcome, StreamPosition)
        assert (await broker.stream("r:1", None, 0, KEPT)).top_offset == 300
        assert lost < 30
    finally:
        await broker.stop()


async def test_a_script_that_redis_forgot_is_taught_again(
    alone: Listener, own_redis: RedisServer
) -> None:
    await alone.broker.append(append("r:1"))
    with own_redis.client() as client:
        client.script_flush()
    assert (await alone.broker.append(append("r:1"))).offset == 2
    assert (await alone.broker.stream("r:1", None, 0, KEPT)).top_offset == 2


async def test_a_thousand_callers_need_few_connections(own_redis: RedisServer) -> None:
    broker = RedisBroker(own_redis.url, PATIENT)
    await broker.start(lambda _: None, lambda _: None)
    try:
        calls = [broker.append(append(f"r:{number % 10}")) for number in range(1000)]
        positions = await asyncio.gather(*calls)
        assert sorted(position.offset for position in positions) == sorted([*range(1, 101)] * 10)
        with own_redis.client() as client:
            assert len(client.client_list()) == 3  # pub/sub, commands, and ours
    finally:
        await broker.stop()


async def test_a_caller_that_gives_up_takes_no_answer_from_others(alone: Listener) -> None:
    await asyncio.gather(*(alone.broker.append(append(f"r:{n}")) for n in range(3)))
    given_up = [asyncio.create_task(alone.broker.append(append("r:0"))) for _ in range(5)]
    others = [asyncio.create_task(alone.broker.append(append("r:1"))) for _ in range(5)]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    positions = await asyncio.gather(*others)
    assert [position.offset for position in positions] == [2, 3, 4, 5, 6]
    await asyncio.gather(*given_up, return_exceptions=True)


async def test_a_full_redis_refuses_and_says_so(alone: Listener, own_redis: RedisServer) -> None:
    await alone.broker.append(append("r:1"))
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(BrokerUnavailable, match="maxmemory"):
            await alone.broker.append(append("r:1"))
        with pytest.raises(BrokerUnavailable, match="maxmemory"):
            await alone.broker.stream("r:new", None, 10, KEPT)
        assert (await alone.broker.stream("r:1", None, 10, KEPT)).top_offset == 1
        client.config_set("maxmemory", 0)
    assert (await alone.broker.append(append("r:1"))).offset == 2


async def test_clients_of_a_lost_stream_are_told_and_begin_anew(own_redis: RedisServer) -> None:
    settings = RealtimeSettings(ping_interval_s=5, operation_timeout_s=2.0)
    broker = RedisBroker(own_redis.url, SETTINGS)
    async with serving(broker, settings=settings) as service:
        service.policy.options["stream:1"] = SubscribeOptions("fact", retention=KEPT)
        async with Device(service.url) as device:
            await device.client.ready()
            events = await device.subscribe("stream:1")
            await broker.append(append("stream:1", '"before"'))
            await events.reach(1)
            own_redis.kill()
            await until(lambda: not broker.connected)
            await own_redis.start()
            # Told that its position is lost, it subscribes again and learns of the new epoch.
            await until(lambda: len(events.subscribed) == 2)
            again = events.subscribed[1]
            assert (again.was_recovering, again.recovered) == (True, False)
            epochs = {one.stream_position.epoch for one in events.subscribed}
            assert len(epochs) == 2
            await broker.append(append("stream:1", '"after"'))
            await until(lambda: events.data == ["before", "after"])
            assert events.offsets == [1, 1]
        assert device.events.errors == []


async def test_what_was_missed_while_redis_was_out_of_reach_is_recovered(
    own_redis: RedisServer,
) -> None:
    """The connection broke, the data is there: a gap is filled and nobody is sent away."""
    broker = RedisBroker(own_redis.url, PATIENT)
    async with serving(broker) as service:
        service.policy.options["stream:1"] = SubscribeOptions("fact", retention=KEPT)
        async with Device(service.url) as device:
            events = await device.subscribe("stream:1")
            with own_redis.client() as client:
                for _ in range(5):
                    client.client_kill_filter(_type="pubsub")
                    await broker.append(append("stream:1", "1"))
                    await broker.append(append("stream:1", "1"))
                    await until(lambda: broker.connected)
            await events.reach(10)
            assert events.offsets == list(range(1, 11))
            assert len(events.subscribed) == 1
