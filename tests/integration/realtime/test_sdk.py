"""The official Python SDK against a real uvicorn, over both brokers: what an application sees."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import socket
import time
from collections.abc import AsyncIterator

import centrifuge
import pytest
import pytest_asyncio

from realtime import codes
from realtime.broker.broker import Broker
from realtime.broker.broker_memory import MemoryBroker
from realtime.broker.broker_redis import RedisBroker
from realtime.nodes.control import Target
from realtime.publication import Publication
from realtime.settings import BrokerSettings, RealtimeSettings
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.service import Device, Service, SubscriptionEvents, serving
from tests.integration.realtime.waiting import until

_prefixes = (f"sdk-{number}" for number in itertools.count())

FAST = RealtimeSettings(ping_interval_s=1, pong_timeout_s=0.9, expired_close_delay_s=0.3)


@pytest_asyncio.fixture(params=["memory", "redis"], loop_scope="session")
async def service(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> AsyncIterator[Service]:
    settings = BrokerSettings(prefix=next(_prefixes))
    broker: Broker = (
        MemoryBroker(settings)
        if request.param == "memory"
        else RedisBroker(redis_server.url, settings)
    )
    async with serving(broker, settings=FAST) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def alone() -> AsyncIterator[Service]:
    """For what has nothing to do with the broker."""
    async with serving(MemoryBroker(), settings=FAST) as service:
        yield service


async def test_connect_subscribe_receive_call_unsubscribe(service: Service) -> None:
    async with Device(service.url) as device:
        await device.client.ready()
        await service.publish("fact:1", 2)
        events = await device.subscribe("fact:1")
        position = events.subscribed[0].stream_position
        assert (position.offset, position.epoch) == (2, "journal-1")
        await service.publish("fact:1", 3)
        await until(lambda: len(events.offsets) == 3)
        assert events.offsets == [3, 4, 5]
        assert events.data == [{"n": 3}, {"n": 4}, {"n": 5}]
        answer = await device.client.rpc("echo", {"hello": ["wörld"]})
        assert answer.data == {"hello": ["wörld"]}
        with pytest.raises(centrifuge.ReplyError) as refusal:
            await device.client.rpc("busy", None)
        assert (refusal.value.code, refusal.value.temporary) == (1001, True)
        subscription = device.client.get_subscription("fact:1")
        history = await subscription.history(limit=2)
        assert ([one.offset for one in history.publications], history.offset) == ([1, 2], 5)
        with pytest.raises(centrifuge.ReplyError) as refusal:
            await subscription.presence()
        assert refusal.value.code == 108
        await subscription.unsubscribe()
        await until(lambda: service.realtime.metrics.subscriptions == 0)
        await service.publish("fact:1")
        await device.client.rpc("whoami", None)  # whatever was pushed would have come before this
        assert events.offsets == [3, 4, 5]
    assert device.events.errors == []


@pytest.mark.parametrize(
    ("channel", "code"), [("secret:1", 103), ("nope:1", 102), ("fact:" + "x" * 300, 107)]
)
async def test_a_refused_subscription_is_over(alone: Service, channel: str, code: int) -> None:
    async with Device(alone.url) as device:
        events = SubscriptionEvents()
        await device.client.new_subscription(channel, events).subscribe()
        await until(lambda: events.unsubscribed)
        assert events.unsubscribed[0][0] == code


async def test_values_come_conflated_and_at_once_to_who_comes_late(service: Service) -> None:
    async with Device(service.url) as device:
        events = await device.subscribe("latest:1")
        for number in range(200):
            await service.realtime.publish(
                [Publication("latest:1", b"%d" % number, key="a", delivery="latest")]
            )
        await until(lambda: events.data and events.data[-1] == 199)
        assert events.data == sorted(events.data)
        assert len(events.data) < 100
        async with Device(service.url, "bob") as late:
            assert (await late.subscribe("latest:1")).data == [199]


async def test_publish_from_a_client(service: Service) -> None:
    async with Device(service.url) as device, Device(service.url, "bob") as other:
        events = await other.subscribe("signal:1")
        await device.client.ready()
        await device.client.publish("signal:1", {"typing": True})
        await until(lambda: events.data == [{"typing": True}])
        with pytest.raises(centrifuge.ReplyError) as refusal:
            await device.client.publish("fact:1", {})
        assert refusal.value.code == 103


async def test_cut_again_and_again_nothing_is_lost_and_nothing_comes_twice(
    service: Service,
) -> None:
    async with Device(service.url) as one, Device(service.url, "bob") as two:
        events = [await one.subscribe("fact:1"), await two.subscribe("fact:1")]
        rng = random.Random(7)
        for round_ in range(12):
            for _ in range(rng.randint(5, 20)):
                await service.publish("fact:1", rng.randint(1, 3))
                if rng.random() < 0.2:
                    await asyncio.sleep(0)
            service.cut()
            await service.publish("fact:1", 2)
            if round_ % 3 == 0:
                await until(lambda: one.client.state is centrifuge.ClientState.CONNECTED)
        top = len(service.journal.facts["fact:1"])
        for event in events:
            await event.reach(top)
            assert event.offsets == list(range(1, top + 1))
            assert all(ctx.recovered for ctx in event.subscribed if ctx.was_recovering)
        assert service.realtime.metrics.recoveries_failed == 0
        assert service.realtime.metrics.recoveries_ok >= 2


async def test_a_new_journal_is_told_as_not_recovered(service: Service) -> None:
    async with Device(service.url) as device:
        events = await device.subscribe("fact:1")
        await service.publish("fact:1", 3)
        await until(lambda: len(events.offsets) == 3)
        service.journal.restart("journal-2")
        await service.publish("fact:1")
        await until(lambda: len(events.subscribed) == 2)
        assert events.subscribing[-1] == (2500, "insufficient state")
        assert events.subscribed[1].was_recovering
        assert not events.subscribed[1].recovered
        await service.publish("fact:1")
        await until(lambda: events.offsets[-1] == 2)


async def test_a_released_user_is_unsubscribed_for_good(service: Service) -> None:
    async with Device(service.url) as device:
        events = await device.subscribe("guarded:1")
        fact = service.journal.append("guarded:1", b'{"released":"ann"}')
        await service.realtime.publish([fact])
        await until(lambda: events.unsubscribed)
        assert events.unsubscribed == [(2000, "server unsubscribe")]
        assert events.offsets == []


async def test_a_bad_token_is_terminal(alone: Service) -> None:
    async with Device(alone.url, "forged") as device:
        await until(lambda: device.events.disconnected)
        assert device.events.disconnected == [(3500, "invalid token")]
        assert device.client.state is centrifuge.ClientState.DISCONNECTED
    async with Device(alone.url, "") as device:
        await until(lambda: device.events.disconnected)
        assert device.events.disconnected == [(101, "unauthorized")]


async def test_an_expired_token_is_replaced_at_connect(alone: Service) -> None:
    async def fresh() -> str:
        return "ann"

    async with Device(alone.url, "expired", get_token=fresh) as device:
        await until(lambda: device.events.connected)
        assert [error.code for error in device.events.errors] == [109]


async def test_tokens_are_refreshed_before_they_run_out(alone: Service) -> None:
    asked: list[float] = []

    async def fresh() -> str:
        asked.append(time.time())
        return f"ann@{time.time() + 1.2}"

    async with Device(alone.url, "", get_token=fresh) as device:
        await device.client.ready()
        began = time.time()
        await until(lambda: len(asked) >= 4)
        assert time.time() - began > 2  # well beyond the first token's life
        assert device.events.connected == 1
        assert device.events.disconnected == []


async def test_a_token_that_nobody_refreshes_ends_the_connection(alone: Service) -> None:
    async with Device(alone.url, f"ann@{time.time() + 0.5}") as device:
        await until(lambda: len(device.events.connecting) > 1)
        assert device.events.connecting[1] == (3005, "connection expired")


async def test_the_server_says_whether_to_come_back(alone: Service) -> None:
    async with Device(alone.url) as device:
        await device.client.ready()
        await alone.realtime.disconnect(Target(user="ann"), codes.DISCONNECT_FORCE_RECONNECT)
        await until(lambda: device.events.connected == 2)
        assert device.events.connecting[-1] == (3011, "force reconnect")
        await alone.realtime.disconnect(Target(user="ann"))
        await until(lambda: device.events.disconnected)
        assert device.events.disconnected == [(3503, "force disconnect")]


async def test_pings_keep_a_quiet_connection(alone: Service) -> None:
    async with Device(alone.url, max_server_ping_delay=0.5) as device:
        await device.client.ready()
        before = alone.realtime.metrics.messages_in
        await until(lambda: alone.realtime.metrics.messages_in >= before + 3)  # pongs
        assert device.events.connected == 1
        assert device.events.connecting == [(0, "connect called")]


async def test_a_drain_moves_clients_to_another_worker(redis_server: RedisServer) -> None:
    settings = BrokerSettings(prefix=next(_prefixes))
    async with (
        serving(RedisBroker(redis_server.url, settings), settings=FAST) as old,
        serving(RedisBroker(redis_server.url, settings), old.journal, FAST) as new,
        Device(old.url) as device,
    ):
        events = await device.subscribe("fact:1")
        await new.publish("fact:1", 3)  # reaches it through Redis
        await until(lambda: len(events.offsets) == 3)
        device.client._address = new.url  # as a load balancer does
        await old.realtime.drain(0.05)
        await old.publish("fact:1", 2)
        await until(lambda: len(events.offsets) == 5)
        assert events.offsets == [1, 2, 3, 4, 5]
        assert device.events.connecting[-1] == (3001, "shutdown")
        assert new.realtime.metrics.recoveries_ok == 1


async def test_redis_killed_and_started_empty_in_mid_stream(own_redis: RedisServer) -> None:
    settings = BrokerSettings(prefix="killed", reconnect_max_s=0.1)
    async with serving(RedisBroker(own_redis.url, settings)) as service:
        devices = [Device(service.url, f"user-{number}") for number in range(5)]
        for device in devices:
            await device.client.connect()
        events = [await device.subscribe("fact:1") for device in devices]
        await service.publish("fact:1", 10)
        own_redis.kill()
        await service.publish("fact:1", 5)  # committed while nobody could be told
        await own_redis.start()
        await service.publish("fact:1", 5)
        service.cut()
        await service.publish("fact:1", 5)
        for event in events:
            await event.reach(25)
            assert event.offsets == list(range(1, 26))
        for device in devices:
            await device.client.disconnect()


@pytest.mark.parametrize("broker", ["memory", "redis"])
async def test_hundreds_cut_at_once_come_back_whole(broker: str, redis_server: RedisServer) -> None:
    settings = BrokerSettings(prefix=next(_prefixes))
    made: Broker = (
        MemoryBroker(settings) if broker == "memory" else RedisBroker(redis_server.url, settings)
    )
    async with serving(made) as service:
        devices = [Device(service.url, f"user-{number}") for number in range(100)]
        await asyncio.gather(*(device.client.connect() for device in devices))
        events = await asyncio.gather(*(device.subscribe("fact:1") for device in devices))
        await service.publish("fact:1", 20)
        reads = service.journal.reads
        service.cut()
        await service.publish("fact:1", 20)
        for event in events:
            await event.reach(40)
            assert event.offsets == list(range(1, 41))
        assert service.journal.reads == reads  # no query to the journal, let alone one a client
        await asyncio.gather(*(device.client.disconnect() for device in devices))


async def test_a_message_that_is_too_large_is_said_to_be_so(alone: Service) -> None:
    async with Device(alone.url) as device:
        await device.client.ready()
        with pytest.raises(centrifuge.CentrifugeError):
            await device.client.rpc("echo", "x" * 70_000)
        # This SDK comes back nevertheless, others stay away (see codes.py).
        await until(lambda: (3, "message size limit") in device.events.connecting)


async def test_a_client_that_never_reads_is_cut_and_no_other_notices() -> None:
    settings = RealtimeSettings(
        queue_bytes=64 * 1024, queue_hard_bytes=256 * 1024, slow_grace_s=0.1, close_timeout_s=0.1
    )
    async with serving(MemoryBroker(), settings=settings) as service:
        address = service.url.removeprefix("ws://").partition("/")[0].split(":")
        with socket.create_connection((address[0], int(address[1]))) as silent:
            silent.setblocking(False)
            loop = asyncio.get_running_loop()
            key = base64.b64encode(bytes(16)).decode()
            await loop.sock_sendall(
                silent,
                f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
            )
            assert b" 101 " in await loop.sock_recv(silent, 4096)
            commands = (
                b'{"id":1,"connect":{"token":"bob"}}\n{"id":2,"subscribe":{"channel":"fact:1"}}'
            )
            # One masked text frame (RFC 6455 §5.2); a mask of zeros leaves the text as it is.
            await loop.sock_sendall(
                silent, bytes([0x81, 0x80 | len(commands)]) + bytes(4) + commands
            )
            await until(lambda: service.realtime.metrics.subscriptions == 1)
            async with Device(service.url) as device:
                events = await device.subscribe("fact:1")
                data = b'"' + b"x" * 20_000 + b'"'
                while not service.realtime.metrics.slow_disconnects:
                    fact = service.journal.append("fact:1", data)
                    await service.realtime.publish([fact])
                    await events.reach(fact.offset)
                await until(lambda: service.realtime.metrics.connections == 1)
                assert service.realtime.metrics.queue_bytes == 0
                assert device.events.connected == 1
