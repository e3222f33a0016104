"""Subscribing: what the namespace or a token allows, and what comes of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Client, Refused, Subscribe
from tests.acceptance.sdk.server import Server


async def _connected(bench: Bench, server: Server, dialect: Dialect, user: str) -> Client:
    client = await bench.client(dialect, server, token=tokens.connection(user))
    await client.connect()
    return client


async def test_subscribe_receive_unsubscribe(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"fact:{name}"
    subscription = await client.new_subscription(channel, Subscribe())
    await subscription.subscribe()
    ready = await subscription.ready()
    assert ready.recoverable and ready.positioned and ready.epoch
    assert (ready.was_recovering, ready.recovered, ready.offset) == (False, False, 0)
    sent = [{"n": 1, "text": "wörld"}, [None, True, 0.5], "two\nlines", 0]
    for data in sent:
        await server.publish(channel, data)
    await subscription.log.nth("publication", len(sent))
    assert subscription.log.data == sent
    assert [one.offset for one in subscription.log.named("publication")] == [1, 2, 3, 4]
    await subscription.unsubscribe()
    gone = await subscription.log.nth("unsubscribed")
    assert (gone.code, gone.reason) == (0, "unsubscribe called")
    with pytest.raises(Refused):
        await client.rpc("wait", {})  # the server has seen the unsubscription when this is answered
    # Over HTTP they are two requests, and the one may overtake the other.
    async with asyncio.timeout(10):
        while (await server.api("channels", pattern=channel))["channels"]:
            pass
    await server.publish(channel, "nobody hears")
    with pytest.raises(Refused):
        await client.rpc("wait", {})
    assert subscription.log.data == sent


async def test_subscribed_while_still_connecting(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await bench.client(any_dialect, server, token=tokens.connection(name))
    subscriptions = []
    for number in range(5):
        one = await client.new_subscription(f"fact:{name}-{number}", Subscribe())
        await one.subscribe()
        subscriptions.append(one)
    await client.connect()
    await asyncio.gather(*(one.ready() for one in subscriptions))


async def test_unsubscribed_and_subscribed_again_and_again(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"crowd:{name}"
    subscription = await client.new_subscription(channel, Subscribe())
    for _ in range(10):
        await subscription.subscribe()
        await subscription.unsubscribe()
    await subscription.subscribe()
    await client.log.nth("connected")
    await subscription.log.until(lambda log: log.events[-1].name in ("subscribed", "join"))
    assert await client.presence_stats(channel) == (1, 1)
    assert len(await client.presence(channel)) == 1
    await subscription.unsubscribe()
    while (await server.api("presence_stats", channel=channel))["num_clients"]:
        await asyncio.sleep(0.01)  # a look is a request to the server


@pytest.mark.parametrize(("channel", "code"), [("closed:x", 103), ("nowhere:x", 102)])
async def test_what_is_not_allowed_is_over(
    bench: Bench, server: Server, dialect: Dialect, channel: str, code: int
) -> None:
    client = await _connected(bench, server, dialect, "ann")
    subscription = await client.new_subscription(channel, Subscribe())
    await subscription.subscribe()
    assert (await subscription.log.nth("unsubscribed")).code == code
    assert not subscription.log.named("subscribed")


async def test_a_token_opens_a_closed_channel(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"closed:{name}"
    token = tokens.subscription(name, channel, lives_s=600)
    subscription = await subscribed(client, channel, tokens=[token])
    await server.publish(channel, {"secret": 1})
    assert (await subscription.log.nth("publication")).data == {"secret": 1}
    with pytest.raises(Refused) as refusal:
        await client.publish(channel, "mine")
    assert refusal.value.code == 103


async def test_tokens_for_another_channel_or_user_open_nothing(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    for number, token in enumerate(
        [tokens.subscription(name, "closed:other"), tokens.subscription("bob", f"closed:{name}-1")]
    ):
        subscription = await client.new_subscription(
            f"closed:{name}-{number}", Subscribe(token=token)
        )
        await subscription.subscribe()
        assert (await subscription.log.nth("unsubscribed")).code == 103


async def test_an_expired_subscription_token_is_replaced(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"closed:{name}"
    stale = tokens.subscription(name, channel, lives_s=-60)
    subscription = await client.new_subscription(
        channel, Subscribe(token=stale, tokens=[tokens.subscription(name, channel)])
    )
    await subscription.subscribe()
    await subscription.ready()
    assert len(subscription.log.named("token_asked")) == 1
    (error,) = subscription.log.named("error")
    assert "token expired" in error.reason


async def test_recovery_and_positions_are_given_to_who_asks_where_it_is_allowed(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    asked = await subscribed(client, f"asked:{name}", recoverable=True)
    assert (await asked.ready()).recoverable
    silent = await subscribed(client, f"asked:{name}-silent")
    assert not (await silent.ready()).recoverable
    plain = await subscribed(client, f"plain:{name}", recoverable=True, positioned=True)
    assert not (await plain.ready()).recoverable


async def test_only_the_tags_that_were_asked_for_come(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"tags:{name}"
    wanted = {
        "op": "and",
        "nodes": [
            {"key": "kind", "cmp": "in", "vals": ["ecg", "pulse"]},
            {"op": "not", "nodes": [{"key": "level", "cmp": "lt", "val": "3"}]},
        ],
    }
    subscription = await subscribed(client, channel, tags_filter=wanted)
    for number, (kind, level) in enumerate(
        [("ecg", "5"), ("ecg", "2"), ("gps", "9"), ("pulse", "3"), ("ecg", "10")]
    ):
        await server.publish(channel, number, tags={"kind": kind, "level": level})
    await server.publish(channel, "no tags")
    await subscription.log.until(lambda log: 4 in log.data)
    assert subscription.log.data == [0, 3, 4]
    assert subscription.log.named("publication")[1].tags == {"kind": "pulse", "level": "3"}
    # What was filtered out has moved the position: it is not missed, let alone sent again.
    await client.disconnect()
    await server.publish(channel, 5, tags={"kind": "gps", "level": "9"})
    await server.publish(channel, 6, tags={"kind": "ecg", "level": "9"})
    await client.connect()
    await subscription.log.until(lambda log: 6 in log.data)
    assert subscription.log.data == [0, 3, 4, 6]
    assert subscription.log.last("subscribed").recovered


async def test_a_filter_where_none_is_allowed_is_refused(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    wanted = {"key": "kind", "cmp": "eq", "val": "ecg"}
    subscription = await client.new_subscription(f"fact:{name}", Subscribe(tags_filter=wanted))
    await subscription.subscribe()
    assert (await subscription.log.nth("unsubscribed")).code == 107
