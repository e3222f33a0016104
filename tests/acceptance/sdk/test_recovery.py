"""Coming back after an outage: all that was missed, the newest value, or a word that it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.sdk import settings, tokens
from tests.acceptance.sdk.conftest import JAVASCRIPT, WEBSOCKET, Bench, Dialect, subscribed
from tests.acceptance.sdk.proxy import Proxy
from tests.acceptance.sdk.sdk import Client, Subscribe
from tests.acceptance.sdk.server import Server
from tests.integration.realtime.redis_server import RedisServer


async def _behind_proxy(
    bench: Bench, server: Server, dialect: Dialect, user: str
) -> tuple[Client, Proxy]:
    proxy = await bench.proxy(server)
    client = await bench.client(dialect, proxy, token=tokens.connection(user))
    await client.connect()
    return client, proxy


async def test_what_was_missed_comes_in_order_and_once(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, any_dialect, name)
    channel = f"fact:{name}"
    subscription = await subscribed(client, channel)
    await server.publish_many(channel, [1, 2])
    await subscription.log.nth("publication", 2)
    async with proxy.outage():
        await server.publish_many(channel, [3, 4, 5])
    ready = await subscription.log.nth("subscribed", 2)
    assert (ready.was_recovering, ready.recovered) == (True, True)
    await server.publish(channel, 6)
    await subscription.log.nth("publication", 6)
    assert subscription.log.data == [1, 2, 3, 4, 5, 6]
    assert [one.offset for one in subscription.log.named("publication")] == [1, 2, 3, 4, 5, 6]


async def test_nothing_was_missed(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    subscription = await subscribed(client, f"fact:{name}")
    proxy.cut()
    ready = await subscription.log.nth("subscribed", 2)
    assert (ready.was_recovering, ready.recovered) == (True, True)
    assert subscription.log.data == []


async def test_a_subscription_left_and_taken_up_again_recovers(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, _ = await _behind_proxy(bench, server, dialect, name)
    channel = f"fact:{name}"
    subscription = await subscribed(client, channel)
    await server.publish(channel, 1)
    await subscription.log.nth("publication")
    await subscription.unsubscribe()
    await server.publish_many(channel, [2, 3])
    await subscription.subscribe()
    await subscription.log.nth("publication", 3)
    assert subscription.log.data == [1, 2, 3]


async def test_more_missed_than_is_kept_is_said_to_be_lost(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, any_dialect, name)
    channel = f"short:{name}"
    subscription = await subscribed(client, channel)
    await server.publish(channel, 1)
    await subscription.log.nth("publication")
    async with proxy.outage():
        await server.publish_many(channel, [2, 3, 4, 5, 6])
    ready = await subscription.log.nth("subscribed", 2)
    assert (ready.was_recovering, ready.recovered, ready.offset) == (True, False, 6)
    await server.publish(channel, 7)
    await subscription.log.until(lambda log: 7 in log.data)
    assert [one.offset for one in subscription.log.named("publication")][-1] == 7
    # And from there on it is whole again.
    proxy.cut()
    assert (await subscription.log.nth("subscribed", 3)).recovered


async def test_an_application_that_can_load_its_state_does_so_instead(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    channel = f"short:{name}"
    await server.publish(channel, 0)
    start = await server.api("history", channel=channel, limit=0)
    state = {"offset": start["offset"], "epoch": start["epoch"]}
    subscription = await client.new_subscription(channel, Subscribe(state=state))
    await subscription.subscribe()
    assert (await subscription.ready()).recovered
    await server.publish(channel, 1)
    await subscription.log.nth("publication")
    async with proxy.outage():
        await server.publish_many(channel, [2, 3, 4, 5, 6])
    # Its state is now too old as well: asked for again and again, and never told a half-truth.
    await subscription.log.nth("state_asked", 3)
    assert len(subscription.log.named("subscribed")) == 1
    assert subscription.log.data == [1]


async def test_a_state_at_the_very_beginning_is_followed_by_everything(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, any_dialect, name)
    channel = f"fact:{name}"
    await server.publish_many(channel, [1, 2, 3])
    subscription = await client.new_subscription(
        channel, Subscribe(state={"offset": 0, "epoch": ""})
    )
    await subscription.subscribe()
    await subscription.log.nth("publication", 3)
    proxy.cut()
    await subscription.log.nth("subscribed", 2)
    await server.publish(channel, 4)
    await subscription.log.nth("publication", 4)
    assert subscription.log.data == [1, 2, 3, 4]
    assert len(subscription.log.named("state_asked")) == 1  # a position of its own ever since


@pytest.mark.parametrize("event", ["subscribed", "publication"])
@pytest.mark.parametrize("dialect", JAVASCRIPT, ids=str)
async def test_what_a_handler_cut_off_comes_with_the_next_subscription(
    bench: Bench, server: Server, dialect: Dialect, name: str, event: str
) -> None:
    client = await bench.javascript(dialect, server, token=tokens.connection(name))
    await client.connect()
    channel = f"fact:{name}"
    subscription = await client.new_subscription(channel, Subscribe())
    await subscription.subscribe()
    await subscription.ready()
    await subscription.unsubscribe()
    await server.publish_many(channel, [1, 2, 3])
    await subscription.unsubscribe_on(event)
    await subscription.subscribe()
    await subscription.log.nth("unsubscribed", 2)
    assert subscription.log.data == ([] if event == "subscribed" else [1])
    await subscription.subscribe()
    await subscription.log.nth("publication", 3)
    assert subscription.log.data == [1, 2, 3]


async def test_a_cache_gives_the_newest_value_at_once(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    channel = f"cache:{name}"
    await server.publish(channel, {"at": 1})
    client, proxy = await _behind_proxy(bench, server, any_dialect, name)
    subscription = await client.new_subscription(
        channel, Subscribe(since={"offset": 0, "epoch": ""})
    )
    await subscription.subscribe()
    await subscription.ready()
    if any_dialect.language == "javascript":  # Python's SDK asks for it only when it comes back
        assert (await subscription.log.nth("publication")).data == {"at": 1}
    async with proxy.outage():
        await server.publish_many(channel, [{"at": n} for n in range(2, 10)])
    await subscription.log.until(lambda log: {"at": 9} in log.data)
    assert subscription.log.data in ([{"at": 9}], [{"at": 1}, {"at": 9}])
    assert subscription.log.last("subscribed").recovered


async def test_a_server_that_lost_its_memory_says_so(bench: Bench, folder: Path) -> None:
    server = Server(settings.settings(), folder, "forgetful")
    await server.start()
    try:
        logs = []
        for dialect in WEBSOCKET:
            client = await bench.client(dialect, server, token=tokens.connection("ann"))
            await client.connect()
            logs.append((await subscribed(client, "fact:1")).log)
        await server.publish_many("fact:1", [1, 2, 3])
        for log in logs:
            await log.nth("publication", 3)
        await server.kill()
        await server.start()
        for log in logs:
            ready = await log.nth("subscribed", 2)
            assert (ready.was_recovering, ready.recovered) == (True, False)
            assert ready.epoch != log.named("subscribed")[0].epoch
        await server.publish("fact:1", 4)
        for log in logs:
            assert (await log.nth("publication", 4)).offset == 1
    finally:
        await server.stop()


async def test_what_redis_lost_is_found_out_on_a_live_connection(
    bench: Bench, folder: Path, own_redis: RedisServer
) -> None:
    config = settings.settings(channel_position_check_delay="1s")
    engine = {"type": "redis", "redis": {"address": [own_redis.url], "prefix": "lost"}}
    server = Server({**config, "engine": engine}, folder, "redis")
    await server.start()
    try:
        logs = []
        for dialect in WEBSOCKET:
            client = await bench.client(dialect, server, token=tokens.connection("ann"))
            await client.connect()
            logs.append((await subscribed(client, "fact:1")).log)
        await server.publish_many("fact:1", [1, 2])
        for log in logs:
            await log.nth("publication", 2)
        with own_redis.client() as redis:
            redis.flushall()
        await server.publish("fact:1", 3)  # the first of another epoch
        for log in logs:
            again = await log.nth("subscribing", 2)
            assert again.code in (1, 2500)  # the subscription alone, or the connection with it
            ready = await log.nth("subscribed", 2)
            assert (ready.was_recovering, ready.recovered) == (True, False)
        await server.publish("fact:1", 4)
        for log in logs:
            await log.until(lambda log: 4 in log.data)
    finally:
        await server.stop()
