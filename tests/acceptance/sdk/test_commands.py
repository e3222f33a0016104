"""What a connected client asks the server for: publishing, presence, history, calls."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import HTTP, JAVASCRIPT, Bench, Dialect, subscribed
from tests.acceptance.sdk.sdk import Client, Refused
from tests.acceptance.sdk.server import Server


async def _connected(bench: Bench, server: Server, dialect: Dialect, user: str) -> Client:
    client = await bench.client(dialect, server, token=tokens.connection(user))
    await client.connect()
    return client


async def test_publishing_reaches_everybody_with_its_sender(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    sender = await _connected(bench, server, any_dialect, f"{name}-a")
    other = await _connected(bench, server, any_dialect, f"{name}-b")
    channel = f"fact:{name}"
    subscriptions = [await subscribed(one, channel) for one in (sender, other)]
    await sender.publish(channel, {"typing": True})
    for subscription in subscriptions:
        publication = await subscription.log.nth("publication")
        assert publication.data == {"typing": True}
        assert publication.info is not None
        assert publication.info.user == f"{name}-a"
        assert publication.info.client == sender.log.last("connected").client


async def test_publishing_is_for_subscribers(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    with pytest.raises(Refused) as refusal:
        await client.publish(f"fact:{name}", {})
    assert (refusal.value.code, refusal.value.temporary) == (103, False)
    with pytest.raises(Refused) as refusal:
        await client.publish("nowhere:1", {})
    assert refusal.value.code == 102


async def test_who_is_there_and_who_comes_and_goes(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    channel = f"crowd:{name}"
    first = await _connected(bench, server, any_dialect, f"{name}-a")
    subscription = await subscribed(first, channel)
    own = await subscription.log.nth("join")
    assert own.info is not None and own.info.user == f"{name}-a"
    second = await _connected(bench, server, any_dialect, f"{name}-b")
    await subscribed(second, channel)
    join = await subscription.log.nth("join", 2)
    assert join.info is not None and join.info.user == f"{name}-b"
    assert {info.user for info in await first.presence(channel)} == {f"{name}-a", f"{name}-b"}
    assert await second.presence_stats(channel) == (2, 2)
    await second.disconnect()
    leave = await subscription.log.nth("leave")
    assert leave.info == join.info
    assert await first.presence_stats(channel) == (1, 1)


async def test_presence_where_none_is_kept(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    await subscribed(client, f"fact:{name}")
    for ask in (client.presence, client.presence_stats):
        with pytest.raises(Refused) as refusal:
            await ask(f"fact:{name}")
        assert refusal.value.code == 108
    with pytest.raises(Refused) as refusal:
        await client.presence(f"crowd:{name}")  # which is for subscribers
    assert refusal.value.code == 103


async def test_history_by_pages_from_either_end(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"fact:{name}"
    subscription = await subscribed(client, channel)
    epoch = (await subscription.ready()).epoch
    await server.publish_many(channel, [{"n": n} for n in range(1, 8)])
    top = await client.history(channel)
    assert (top.publications, top.offset, top.epoch) == ([], 7, epoch)
    whole = await client.history(channel, limit=100)
    assert [(one.offset, one.data) for one in whole.publications] == [
        (n, {"n": n}) for n in range(1, 8)
    ]
    page = await client.history(channel, limit=3, since=(2, epoch))
    assert [one.offset for one in page.publications] == [3, 4, 5]
    newest = await client.history(channel, limit=3, reverse=True)
    assert [one.offset for one in newest.publications] == [7, 6, 5]
    older = await client.history(channel, limit=3, since=(5, epoch), reverse=True)
    assert [one.offset for one in older.publications] == [4, 3, 2]
    with pytest.raises(Refused) as refusal:
        await client.history(channel, limit=3, since=(2, "another"))
    assert refusal.value.code == 112


async def test_history_where_none_is_kept_or_shown(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    await subscribed(client, f"plain:{name}")
    with pytest.raises(Refused) as refusal:
        await client.history(f"plain:{name}", limit=1)
    assert refusal.value.code == 108
    with pytest.raises(Refused) as refusal:
        await client.history(f"fact:{name}", limit=1)
    assert refusal.value.code == 103


async def test_a_call_made_before_connecting_is_answered(
    bench: Bench, server: Server, any_dialect: Dialect
) -> None:
    client = await bench.client(any_dialect, server, token=tokens.connection("ann"))
    await client.connect()
    with pytest.raises(Refused) as refusal:
        await client.rpc("method", {"my": "data"})
    assert refusal.value.code == 108  # there is no back end behind this server


@pytest.mark.parametrize("dialect", JAVASCRIPT, ids=str)
async def test_what_is_sent_is_taken_without_an_answer(
    bench: Bench, server: Server, dialect: Dialect
) -> None:
    client = await bench.javascript(dialect, server, token=tokens.connection("ann"))
    await client.connect()
    for number in range(3):
        await client.send({"n": number})
    with pytest.raises(Refused):
        await client.rpc("still there", {})
    assert len(client.log.named("connecting")) == 1


async def test_many_commands_at_once_are_all_answered(
    bench: Bench, server: Server, any_dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, any_dialect, name)
    channel = f"fact:{name}"
    subscription = await subscribed(client, channel)
    # Over HTTP each command is a request of its own, in an order that nobody promises.
    await asyncio.gather(*(client.publish(channel, number) for number in range(50)))
    await subscription.log.nth("publication", 50)
    got = subscription.log.data
    assert (sorted(got) if any_dialect in HTTP else got) == list(range(50))
