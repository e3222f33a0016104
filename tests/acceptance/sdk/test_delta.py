"""Fossil deltas: smaller on the wire, the same to the application."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import JAVASCRIPT, Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Subscribe
from tests.acceptance.sdk.server import Server


def _versions(first: int, last: int) -> list[dict[str, Any]]:
    """Alike but for a number, long enough for a difference to be worth it, and not ASCII."""
    return [{"n": n, "text": "Füllung " * 60} for n in range(first, last + 1)]


async def test_what_is_received_is_what_was_published(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    proxy = await bench.proxy(server)
    channel = f"delta:{name}"
    client = await bench.client(any_dialect, proxy, token=tokens.connection(name))
    await client.connect()
    subscription = await subscribed(client, channel, delta="fossil")
    await server.publish_many(channel, _versions(1, 5))
    await subscription.log.nth("publication", 5)
    async with proxy.outage():
        await server.publish_many(channel, _versions(6, 9))
    await server.publish_many(channel, _versions(10, 12))
    await subscription.log.nth("publication", 12)
    assert subscription.log.data == _versions(1, 12)
    await subscription.unsubscribe()
    await server.publish_many(channel, _versions(13, 14))
    await subscription.subscribe()
    await server.publish_many(channel, _versions(15, 16))
    await subscription.log.nth("publication", 16)
    assert subscription.log.data == _versions(1, 16)


async def test_texts_that_have_nothing_in_common(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"delta:{name}"
    client = await bench.client(dialect, server, token=tokens.connection(name))
    await client.connect()
    subscription = await subscribed(client, channel, delta="fossil")
    sent: list[Any] = ["a", "", {"k": "v" * 300}, 7, None, [], '\\u0000\n"', "Füße 🚑", {}]
    await server.publish_many(channel, sent)
    await subscription.log.nth("publication", len(sent))
    assert subscription.log.data == sent


async def test_where_it_is_not_offered_everything_comes_whole(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"delta:{name}"
    client = await bench.client(dialect, server, token=tokens.connection(name))
    await client.connect()
    whole = await subscribed(client, channel)
    await server.publish_many(channel, _versions(1, 3))
    await whole.log.nth("publication", 3)
    assert whole.log.data == _versions(1, 3)


@pytest.mark.parametrize("dialect", JAVASCRIPT, ids=str)
async def test_all_but_the_first_are_differences(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"delta:{name}"
    client = await bench.javascript(dialect, server, token=tokens.connection(name))
    await client.connect()
    subscription = await client.new_subscription(channel, Subscribe(delta="fossil"))
    await subscription.subscribe()
    await subscription.ready()
    await server.publish_many(channel, _versions(1, 10))
    await subscription.log.nth("publication", 10)
    assert await subscription.deltas() == 9
