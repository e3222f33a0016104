"""What the server does with its clients of its own accord, and at the word of a back end."""

from __future__ import annotations

import time

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Client
from tests.acceptance.sdk.server import ApiError, Server


async def _connected(bench: Bench, server: Server, dialect: Dialect, user: str) -> Client:
    client = await bench.client(dialect, server, token=tokens.connection(user))
    await client.connect()
    await client.log.nth("connected")
    return client


async def test_the_personal_channel_is_there_at_once_and_recovers(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    proxy = await bench.proxy(server)
    client = await bench.client(any_dialect, proxy, token=tokens.connection(name))
    await client.connect()
    channel = f"personal:#{name}"
    subscribed = await client.log.nth("subscribed")
    assert (subscribed.on, subscribed.recoverable) == (channel, True)
    await server.publish(channel, {"n": 1})
    publication = await client.log.nth("publication")
    assert (publication.on, publication.data, publication.offset) == (channel, {"n": 1}, 1)
    async with proxy.outage():
        await server.publish_many(channel, [{"n": 2}, {"n": 3}])
    await client.log.nth("publication", 3)
    assert client.log.data == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert client.log.last("subscribed").recovered


async def test_a_token_subscribes_its_bearer(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    channels = [f"fact:{name}-1", f"closed:{name}-2"]
    token = tokens.connection(name, channels=channels)
    client = await bench.client(any_dialect, server, token=token)
    await client.connect()
    await client.log.nth("subscribed", 3)  # and the personal one
    assert {event.on for event in client.log.named("subscribed")} >= set(channels)
    await server.api("broadcast", channels=channels, data={"to": "all"})
    await client.log.nth("publication", 2)
    assert {event.on for event in client.log.named("publication")} == set(channels)


async def test_a_back_end_subscribes_and_unsubscribes_a_user(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"closed:{name}"
    await server.api("subscribe", user=name, channel=channel)
    await client.log.until(lambda log: channel in {one.on for one in log.named("subscribed")})
    await server.publish(channel, 1)
    assert (await client.log.nth("publication")).data == 1
    await server.api("unsubscribe", user=name, channel=channel)
    assert (await client.log.nth("unsubscribed")).on == channel
    assert channel not in (await server.api("channels"))["channels"]


async def test_a_back_end_takes_a_subscription_away(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    subscription = await subscribed(client, f"fact:{name}")
    await server.api("unsubscribe", user=name, channel=f"fact:{name}")
    gone = await subscription.log.nth("unsubscribed")
    assert (gone.code, gone.reason) == (2000, "server unsubscribe")


async def test_a_back_end_sends_a_user_away(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    await server.api("disconnect", user=name)
    gone = await client.log.nth("disconnected")
    assert (gone.code, gone.reason) == (3503, "force disconnect")


async def test_a_back_end_says_whether_to_come_back(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    await server.api("disconnect", user=name, disconnect={"code": 4000, "reason": "come back"})
    again = await client.log.nth("connecting", 2)
    assert (again.code, again.reason) == (4000, "come back")
    await client.log.nth("connected", 2)
    await server.api("disconnect", user=name, disconnect={"code": 4501, "reason": "stay away"})
    gone = await client.log.nth("disconnected")
    assert (gone.code, gone.reason) == (4501, "stay away")


async def test_a_back_end_spares_one_connection_of_a_user(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    spared, other = [await _connected(bench, server, dialect, name) for _ in range(2)]
    mine = spared.log.last("connected").client
    await server.api("disconnect", user=name, whitelist=[mine])
    await other.log.nth("disconnected")
    await subscribed(spared, f"fact:{name}")
    assert not spared.log.named("disconnected")


async def test_a_back_end_ends_what_it_no_longer_vouches_for(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    await server.api("refresh", user=name, expire_at=int(time.time() + 600))
    await subscribed(client, f"fact:{name}")
    assert len(client.log.named("connecting")) == 1
    await server.api("refresh", user=name, expired=True)
    again = await client.log.nth("connecting", 2)
    assert (again.code, again.reason) == (3005, "connection expired")


async def test_a_back_end_sees_what_its_clients_see(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"crowd:{name}"
    await subscribed(client, channel)
    me = client.log.last("connected").client
    assert (await server.api("presence", channel=channel))["presence"] == {
        me: {"client": me, "user": name}
    }
    assert await server.api("presence_stats", channel=channel) == {
        "num_clients": 1,
        "num_users": 1,
    }
    assert await server.api("channels", pattern=f"*{name}") == {
        "channels": {channel: {"num_clients": 1}, f"personal:#{name}": {"num_clients": 1}}
    }
    (node,) = (await server.api("info"))["nodes"]
    assert node["num_clients"] >= 1
    with pytest.raises(ApiError) as refusal:
        await server.api("history", channel=channel)
    assert refusal.value.code == 108
