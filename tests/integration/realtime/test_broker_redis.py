"""What only a server that can be lost can show: outages, restarts, strangers on our channels."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio.connection import AbstractConnection

from realtime.broker.broker_redis import RedisBroker
from realtime.broker.publisher_redis import RedisPublisher
from realtime.errors import BrokerUnavailable
from realtime.publication import Publication, StreamPosition
from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import Listener, facts
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.waiting import until

SETTINGS = BrokerSettings(prefix="outage", reconnect_max_s=0.1, heartbeat_s=0.2)
# Where the connection itself tells of the end: no pause of a busy machine is taken for one.
PATIENT = BrokerSettings(prefix="outage", reconnect_max_s=0.1)


async def test_a_restarted_redis_is_listened_to_again_and_reported_once(
    own_redis: RedisServer,
) -> None:
    listener = Listener(RedisBroker(own_redis.url, PATIENT))
    await listener.start()
    try:
        names = [f"r:{number}" for number in range(1200)]
        await asyncio.gather(*(listener.broker.subscribe(name) for name in names))
        await listener.broker.publish(facts("r:7", 1))
        await listener.flush()
        own_redis.kill()
        with pytest.raises(BrokerUnavailable):
            await listener.broker.publish(facts("r:7", 2))
        with pytest.raises(BrokerUnavailable):
            await listener.broker.top("r:7")
        with pytest.raises(BrokerUnavailable):
            await listener.broker.subscribe("r:new")
        assert listener.reconnects == []
        await own_redis.start()
        await until(lambda: listener.reconnects)
        assert await listener.broker.top("r:7") is None
        await listener.broker.publish([*facts("r:7", 3), *facts("r:1199", 1)])
        await listener.flush()
        assert listener.got == [*facts("r:7", 1, 3), *facts("r:1199", 1)]
        assert listener.reconnects == [frozenset([*names, *listener.marks])]
    finally:
        await listener.broker.stop()


async def test_a_broker_starts_without_redis_and_finds_it_later(own_redis: RedisServer) -> None:
    own_redis.kill()
    listener = Listener(RedisBroker(own_redis.url, SETTINGS))
    await listener.start()
    try:
        with pytest.raises(BrokerUnavailable):
            await listener.broker.subscribe("r:1")
        await own_redis.start()

        async with asyncio.timeout(5):
            while True:
                try:
                    await listener.broker.subscribe("r:1")
                    break
                except BrokerUnavailable:
                    await asyncio.sleep(0.01)
        await listener.broker.publish(facts("r:1", 1))
        await listener.flush()
        assert listener.got == facts("r:1", 1)
        assert listener.reconnects == []  # nothing can have been missed before the first time
    finally:
        await listener.broker.stop()


@pytest.mark.parametrize("ends_with", [AttributeError, RuntimeError])
async def test_a_connection_closed_under_a_write_is_an_outage_like_any_other(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, ends_with: type[Exception]
) -> None:
    """As redis-py's writer does when its reader closed the connection first (AttributeError), and
    uvloop's transport (RuntimeError). Which comes first is chance: here, the writer is told."""
    channel = f"closed:{ends_with.__name__}"  # what is published stays in this Redis
    listener = Listener(RedisBroker(redis_server.url, PATIENT))
    await listener.start()

    async def closed(connection: AbstractConnection, command: bytes) -> None:
        raise ends_with("closed")

    try:
        with monkeypatch.context() as patch:
            patch.setattr(AbstractConnection, "_send_packed_command", closed)
            with pytest.raises(BrokerUnavailable):
                await listener.broker.subscribe(channel)
            with pytest.raises(BrokerUnavailable):
                await listener.broker.publish(facts(channel, 1))
        await until(lambda: listener.reconnects)
        await listener.broker.subscribe(channel)
        await listener.broker.publish(facts(channel, 2))
        await listener.flush()
        assert listener.got == facts(channel, 2)
    finally:
        await listener.broker.stop()


async def test_a_cut_pubsub_connection_is_made_again(redis_server: RedisServer) -> None:
    listener = Listener(RedisBroker(redis_server.url, SETTINGS))
    await listener.start()
    try:
        await listener.broker.subscribe("cut:1")
        with redis_server.client() as client:
            client.client_kill_filter(_type="pubsub")
        await until(lambda: listener.reconnects)
        await listener.broker.publish(facts("cut:1", 1))
        await listener.flush()
        assert listener.got == facts("cut:1", 1)
    finally:
        await listener.broker.stop()


async def test_a_redis_that_hangs_is_noticed_and_found_again(own_redis: RedisServer) -> None:
    settings = BrokerSettings(
        prefix="hang",
        heartbeat_s=0.1,
        reconnect_max_s=0.1,
        connect_timeout_s=0.2,
        command_timeout_s=0.2,
    )
    broker = RedisBroker(own_redis.url, settings)
    listener = Listener(broker)
    await listener.start()
    try:
        await listener.broker.subscribe("hang:1")
        assert broker.connected
        own_redis.pause()
        with pytest.raises(BrokerUnavailable):
            await listener.broker.publish(facts("hang:1", 1))
        await until(lambda: not broker.connected)
        own_redis.resume()
        await until(lambda: listener.reconnects)
        await listener.broker.publish(facts("hang:1", 2))
        await listener.flush()
        assert listener.got[-1] == facts("hang:1", 2)[0]
    finally:
        own_redis.resume()
        await listener.broker.stop()


async def test_strange_messages_on_our_channels_are_ignored(redis_server: RedisServer) -> None:
    listener = Listener(RedisBroker(redis_server.url, SETTINGS))
    await listener.start()
    try:
        await listener.broker.subscribe("alien:1")
        with redis_server.client() as client:
            client.publish("outage:c:alien:1", b"\xff\xfenot ours")
            client.publish("outage:c:alien:1", b"")
        await listener.broker.publish(facts("alien:1", 1))
        await listener.flush()
        assert listener.got == facts("alien:1", 1)
    finally:
        await listener.broker.stop()


async def test_a_process_without_clients_needs_the_publisher_only(
    redis_server: RedisServer,
) -> None:
    listener = Listener(RedisBroker(redis_server.url, SETTINGS))
    publisher = RedisPublisher(redis_server.url, SETTINGS)
    await listener.start()
    try:
        await listener.broker.subscribe("shard:1")
        await publisher.publish(facts("shard:1", *range(1, 301)))
        with redis_server.client() as client:
            client.script_flush()  # as after a restart
        await publisher.publish(facts("shard:1", *range(301, 401)))
        await listener.flush()
        assert listener.got == facts("shard:1", *range(1, 401))
        assert await listener.broker.top("shard:1") == StreamPosition(400, "e1")
    finally:
        await publisher.close()
        await listener.broker.stop()


async def test_a_publisher_survives_a_restart_between_two_batches(own_redis: RedisServer) -> None:
    publisher = RedisPublisher(own_redis.url, SETTINGS)
    try:
        await publisher.publish(facts("shard:1", 1))
        own_redis.kill()
        await own_redis.start()
        await publisher.publish(facts("shard:1", 2))  # over a pooled connection that is dead
        with own_redis.client() as client:
            assert client.xlen("outage:s:shard:1") == 1
        signal = Publication("shard:1", b"1", delivery="signal")
        own_redis.kill()
        with pytest.raises(BrokerUnavailable):
            await publisher.publish([signal])
    finally:
        await publisher.close()


async def test_a_wrong_password_is_an_unavailable_broker(redis_server: RedisServer) -> None:
    publisher = RedisPublisher(redis_server.url.replace("unix://:", "unix://:wrong"), SETTINGS)
    try:
        with pytest.raises(BrokerUnavailable):
            await publisher.publish(facts("shard:1", 1))
    finally:
        await publisher.close()
