"""Connecting: tokens, their end, and the codes an application is told."""

from __future__ import annotations

import asyncio

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import EVERY, WEBSOCKET, Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Subscribe
from tests.acceptance.sdk.server import Server


async def test_a_token_says_who_connects(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    token = tokens.connection(name, lives_s=600, info={"role": "crew"})
    client = await bench.client(any_dialect, server, token=token)
    await client.connect()
    await subscribed(client, f"crowd:{name}")
    (info,) = await client.presence(f"crowd:{name}")
    assert (info.user, info.client) == (name, client.log.last("connected").client)
    assert info.conn_info == {"role": "crew"}


async def test_without_a_token_it_is_over(
    bench: Bench, server: Server, any_dialect: Dialect
) -> None:
    client = await bench.client(any_dialect, server)
    await client.connect()
    assert (await client.log.nth("disconnected")).code == 101
    assert not client.log.named("connected")


async def test_a_forged_token_ends_it(bench: Bench, server: Server, any_dialect: Dialect) -> None:
    for token in (tokens.forged("ann"), "no token at all"):
        client = await bench.client(any_dialect, server, token=token)
        await client.connect()
        gone = await client.log.nth("disconnected")
        assert (gone.code, gone.reason) == (3500, "invalid token")


async def test_an_expired_token_is_replaced(
    bench: Bench, server: Server, any_dialect: Dialect
) -> None:
    stale = tokens.connection("ann", lives_s=-60)
    fresh = tokens.connection("ann", lives_s=600)
    client = await bench.client(any_dialect, server, token=stale, tokens=[fresh])
    await client.connect()
    await client.log.nth("connected")
    assert len(client.log.named("token_asked")) == 1


async def test_an_expired_token_that_nobody_replaces_ends_it(
    bench: Bench, server: Server, dialect: Dialect
) -> None:
    stale = tokens.connection("ann", lives_s=-60)
    alone = await bench.client(dialect, server, token=stale)
    await alone.connect()
    assert (await alone.log.nth("disconnected")).code == 1
    refused = await bench.client(dialect, server, token=stale, tokens=[])
    await refused.connect()
    assert (await refused.log.nth("disconnected")).code == 1


async def test_tokens_are_refreshed_before_they_run_out(bench: Bench, hasty: Server) -> None:
    """Meanwhile the server pings each second and wants its pongs."""

    async def lives(dialect: Dialect) -> None:
        user, channel = f"refresh-{dialect}", f"closed:refresh-{dialect}"
        client = await bench.client(
            dialect,
            hasty,
            token=tokens.connection(user, lives_s=2),
            tokens=[tokens.connection(user, lives_s=4), tokens.connection(user)],
        )
        await client.connect()
        subscription = await subscribed(
            client,
            channel,
            token=tokens.subscription(user, channel, lives_s=2),
            tokens=[
                tokens.subscription(user, channel, lives_s=4),
                tokens.subscription(user, channel),
            ],
        )
        # The second is asked for when the first refresh was answered with the new time to live.
        await client.log.nth("token_asked", 2)
        await subscription.log.nth("token_asked", 2)
        await hasty.publish(channel, "still here")
        await subscription.log.nth("publication")
        assert len(client.log.named("connecting")) == 1
        assert len(subscription.log.named("subscribing")) == 1
        assert not client.log.named("error") + subscription.log.named("error")

    await asyncio.gather(*map(lives, EVERY))


async def test_what_nobody_refreshes_runs_out(bench: Bench, hasty: Server) -> None:
    async def connection(dialect: Dialect) -> None:
        token = tokens.connection("late", lives_s=1)
        client = await bench.client(dialect, hasty, token=token)
        await client.connect()
        assert (await client.log.nth("disconnected")).code == 1

    async def subscription(dialect: Dialect) -> None:
        channel = f"closed:late-{dialect}"
        client = await bench.client(dialect, hasty, token=tokens.connection("late"))
        await client.connect()
        token = tokens.subscription("late", channel, lives_s=1)
        subscription = await client.new_subscription(channel, Subscribe(token=token))
        await subscription.subscribe()
        assert (await subscription.log.nth("unsubscribed")).code == 1
        assert not client.log.named("disconnected")

    await asyncio.gather(*map(connection, WEBSOCKET), *map(subscription, WEBSOCKET))
