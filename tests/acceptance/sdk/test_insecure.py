"""A server that asks nobody for anything, as the SDKs' own suites want it."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Client, Refused, Subscribe
from tests.acceptance.sdk.server import Server


async def _anybody(bench: Bench, server: Server, dialect: Dialect) -> Client:
    client = await bench.client(dialect, server)
    await client.connect()
    return client


async def test_anybody_connects(bench: Bench, insecure: Server, any_dialect: Dialect) -> None:
    client = await _anybody(bench, insecure, any_dialect)
    connected = await client.log.nth("connected")
    assert connected.client
    assert connected.transport == any_dialect.transport
    await client.disconnect()
    gone = await client.log.nth("disconnected")
    assert (gone.code, gone.reason) == (0, "disconnect called")


async def test_connecting_and_leaving_again_and_again(
    bench: Bench, insecure: Server, any_dialect: Dialect
) -> None:
    client = await bench.client(any_dialect, insecure)
    for _ in range(10):
        await client.connect()
        await client.disconnect()
    await client.connect()
    await client.log.nth("connected")


async def test_anybody_publishes_and_reads_everything(
    bench: Bench, insecure: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _anybody(bench, insecure, any_dialect)
    subscription = await subscribed(client, name)
    await client.publish(name, {"my": "data"})
    assert (await subscription.log.nth("publication")).data == {"my": "data"}
    (info,) = await client.presence(name)
    assert (info.client, info.user) == (client.log.last("connected").client, "")
    assert await client.presence_stats(name) == (1, 1)
    history = await client.history(name, limit=10)
    assert [one.data for one in history.publications] == [{"my": "data"}]
    with pytest.raises(Refused) as refusal:
        await client.rpc("method", {"my": "data"})
    assert refusal.value.code == 108


async def test_many_channels_with_tokens_of_nobody(
    bench: Bench, insecure: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _anybody(bench, insecure, any_dialect)
    channels = [f"{name}-{number}" for number in range(5)]
    subscriptions = [
        await client.new_subscription(channel, Subscribe(tokens=[tokens.subscription("", channel)]))
        for channel in channels
    ]
    await asyncio.gather(*(one.subscribe() for one in subscriptions))
    for one in subscriptions:
        await one.ready()
        await one.unsubscribe()
    for one in subscriptions:
        assert (await one.log.nth("unsubscribed")).code == 0
