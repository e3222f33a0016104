"""Map subscriptions of the JavaScript SDK: a snapshot, then each change, through any cut."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.acceptance.sdk import tokens
from tests.acceptance.sdk.conftest import JAVASCRIPT, Address, Bench, Dialect, mapped, subscribed
from tests.acceptance.sdk.proxy import Proxy
from tests.acceptance.sdk.sdk import Event, Log, Refused, Subscribe
from tests.acceptance.sdk.sdk_javascript import JavaScriptClient
from tests.acceptance.sdk.server import Server

pytestmark = pytest.mark.parametrize("dialect", JAVASCRIPT, ids=str)


async def _connected(bench: Bench, at: Address, dialect: Dialect, user: str) -> JavaScriptClient:
    client = await bench.javascript(dialect, at, token=tokens.connection(user))
    await client.connect()
    return client


async def _behind_proxy(
    bench: Bench, server: Server, dialect: Dialect, user: str
) -> tuple[JavaScriptClient, Proxy]:
    proxy = await bench.proxy(server)
    return await _connected(bench, proxy, dialect, user), proxy


async def _put(server: Server, channel: str, key: str, data: Any, **params: Any) -> None:
    await server.api("map_publish", channel=channel, key=key, data=data, **params)


async def _take(server: Server, channel: str, key: str) -> None:
    await server.api("map_remove", channel=channel, key=key)


def mirror(log: Log) -> dict[str, Any]:
    """The map as an application has it after these events."""
    seen: dict[str, Any] = {}
    for event in log.events:
        if event.name == "sync":
            seen = {entry.key: entry.data for entry in event.entries}
        elif event.name == "update" and event.removed:
            seen.pop(event.key, None)  # what came and went meanwhile is recovered as gone
        elif event.name == "update":
            seen[event.key] = event.data
    return seen


def _first(log: Log) -> Event:
    return log.named("sync")[0]


async def test_an_empty_map_then_its_first_changes(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    for namespace, recoverable in (("map", True), ("fleeting", False)):
        channel = f"{namespace}:{name}"
        subscription = await mapped(client, channel)
        assert _first(subscription.log).entries == []
        assert (await subscription.ready()).recoverable is recoverable
        await _put(server, channel, "a", {"v": 1})
        await _put(server, channel, "a", {"v": 2})
        await _put(server, channel, "b", {"v": 3}, tags={"kind": "x"})
        await _take(server, channel, "a")
        await subscription.log.nth("update", 4)
        updates = subscription.log.named("update")
        assert [(one.key, one.data, one.removed) for one in updates] == [
            ("a", {"v": 1}, False),
            ("a", {"v": 2}, False),
            ("b", {"v": 3}, False),
            ("a", None, True),
        ]
        assert updates[2].tags == {"kind": "x"}
        assert mirror(subscription.log) == {"b": {"v": 3}}


async def test_what_is_there_comes_with_the_subscription(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"map:{name}"
    state = {f"key-{number}": {"n": number} for number in range(25)}
    for key, data in state.items():
        await _put(server, channel, key, data)
    await _put(server, channel, "gone", 0)
    await _take(server, channel, "gone")
    client = await _connected(bench, server, dialect, name)
    whole = await mapped(client, channel)
    assert mirror(whole.log) == state
    assert len(whole.log.named("sync")) == 1
    await client.close()
    client = await _connected(bench, server, dialect, name)
    pages = await mapped(client, channel, page_size=4)
    assert mirror(pages.log) == state
    await _put(server, channel, "late", {"late": True})
    assert (await pages.log.nth("update")).key == "late"


async def test_clients_change_keys_where_they_may(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"map:{name}"
    writer = await _connected(bench, server, dialect, f"{name}-a")
    reader = await _connected(bench, server, dialect, f"{name}-b")
    theirs = await mapped(reader, channel)
    own = await mapped(writer, channel)
    await own.publish("mine", {"from": "client"})
    for subscription in (own, theirs):
        update = await subscription.log.nth("update")
        assert (update.key, update.data) == ("mine", {"from": "client"})
        assert update.info is not None and update.info.user == f"{name}-a"
    await own.remove("mine")
    for subscription in (own, theirs):
        assert (await subscription.log.nth("update", 2)).removed
    closed = await mapped(writer, f"board:{name}")
    with pytest.raises(Refused) as refusal:
        await closed.publish("mine", 1)
    assert refusal.value.code == 103


async def test_a_key_can_be_the_clients_own_id(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    subscription = await mapped(client, f"cursor:{name}")
    await subscription.publish("whatever", {"x": 1})
    update = await subscription.log.nth("update")
    assert update.key == client.log.last("connected").client


async def test_a_stream_is_no_map(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    wrong = await client.new_subscription(f"fact:{name}", Subscribe(), "map")
    await wrong.subscribe()
    assert (await wrong.log.nth("unsubscribed")).code == 107


async def test_who_knows_no_maps_gets_the_values_and_each_new_one(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    channel = f"map:{name}"
    await _put(server, channel, "a", 1)
    await _put(server, channel, "a", 2)
    await _put(server, channel, "b", 3)
    client = await _connected(bench, server, dialect, name)
    subscription = await subscribed(client, channel)
    await _put(server, channel, "a", 4)
    await subscription.log.nth("publication", 3)
    assert subscription.log.data == [2, 3, 4]


async def test_changes_that_were_missed_come_as_changes(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    channel = f"map:{name}"
    subscription = await mapped(client, channel)
    await _put(server, channel, "a", 1)
    await _put(server, channel, "b", 1)
    await subscription.log.nth("update", 2)
    async with proxy.outage():
        await _put(server, channel, "c", 2)
        await _take(server, channel, "a")
    ready = await subscription.log.nth("subscribed", 2)
    assert (ready.was_recovering, ready.recovered) == (True, True)
    await subscription.log.nth("update", 4)
    assert len(subscription.log.named("sync")) == 1
    await subscription.unsubscribe()
    await _put(server, channel, "d", 3)
    await subscription.subscribe()
    await subscription.log.nth("update", 5)
    assert mirror(subscription.log) == {"b": 1, "c": 2, "d": 3}
    assert len(subscription.log.named("sync")) == 1


@pytest.mark.parametrize("event", ["subscribed", "update"])
async def test_what_a_handler_cut_off_comes_with_the_next_subscription(
    bench: Bench, server: Server, dialect: Dialect, name: str, event: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"map:{name}"
    subscription = await mapped(client, channel)
    await subscription.unsubscribe()
    for key in "abc":
        await _put(server, channel, key, key)
    await subscription.unsubscribe_on(event)
    await subscription.subscribe()
    await subscription.log.nth("unsubscribed", 2)
    assert mirror(subscription.log) == ({} if event == "subscribed" else {"a": "a"})
    await subscription.subscribe()
    await subscription.log.nth("update", 3)
    assert [update.key for update in subscription.log.named("update")] == ["a", "b", "c"]


async def test_a_fleeting_map_is_read_anew(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    channel = f"fleeting:{name}"
    await _put(server, channel, "a", 1)
    subscription = await mapped(client, channel)
    async with proxy.outage():
        await _take(server, channel, "a")
        await _put(server, channel, "b", 2)
    await subscription.log.nth("sync", 2)
    assert mirror(subscription.log) == {"b": 2}


async def test_more_missed_than_is_kept_is_read_anew_or_said(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"shortmap:{name}"
    anew = await mapped(client, channel)
    strict = await _connected(bench, server, dialect, name)
    told = await mapped(strict, channel, unrecoverable_strategy="fatal")
    await _put(server, channel, "first", 0)
    for subscription in (anew, told):
        await subscription.log.nth("update")
        await subscription.unsubscribe()
    for number in range(6):
        await _put(server, channel, f"key-{number}", number)
    await _take(server, channel, "first")
    await anew.subscribe()
    await anew.log.nth("sync", 2)
    assert mirror(anew.log) == {f"key-{number}": number for number in range(6)}
    assert not anew.log.last("subscribed").recovered
    await told.subscribe()
    assert (await told.log.nth("unsubscribed", 2)).code == 112


async def test_a_key_that_is_not_renewed_goes_away(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"ttl:{name}"
    subscription = await mapped(client, channel)
    await _put(server, channel, "soon gone", 1)
    gone = await subscription.log.nth("update", 2)
    assert (gone.key, gone.removed) == ("soon gone", True)
    late = await _connected(bench, server, dialect, name)
    assert mirror((await mapped(late, channel)).log) == {}


async def test_deltas_of_each_key(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    channel = f"deltamap:{name}"

    def version(key: str, n: int) -> dict[str, Any]:
        return {"key": key, "n": n, "text": key * 500}

    await _put(server, channel, "a", version("a", 1))
    subscription = await mapped(client, channel, delta="fossil")
    for n in (2, 3):
        for key in "ab":
            await _put(server, channel, key, version(key, n))
    await subscription.log.nth("update", 4)
    assert [one.data for one in subscription.log.named("update")] == [
        version(key, n) for n in (2, 3) for key in "ab"
    ]
    assert await subscription.deltas() == 3  # all but the first of b
    async with proxy.outage():
        await _put(server, channel, "a", version("a", 4))
        await _put(server, channel, "a", version("a", 5))
        await _take(server, channel, "b")
        await _put(server, channel, "b", version("b", 6))
    await _put(server, channel, "a", version("a", 7))
    await subscription.log.until(lambda log: mirror(log).get("a") == version("a", 7))
    assert mirror(subscription.log) == {"a": version("a", 7), "b": version("b", 6)}


async def test_only_the_keys_with_the_wanted_tags(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client = await _connected(bench, server, dialect, name)
    channel = f"tagmap:{name}"
    await _put(server, channel, "a", 1, tags={"zone": "north"})
    await _put(server, channel, "b", 1, tags={"zone": "south"})
    wanted = {"key": "zone", "cmp": "eq", "val": "north"}
    subscription = await mapped(client, channel, tags_filter=wanted)
    assert mirror(subscription.log) == {"a": 1}
    await _put(server, channel, "c", 2, tags={"zone": "south"})
    await _put(server, channel, "d", 2, tags={"zone": "north"})
    await subscription.log.nth("update")
    assert mirror(subscription.log) == {"a": 1, "d": 2}


async def test_cut_at_random_the_mirror_ends_up_true_and_nothing_comes_twice(
    bench: Bench, server: Server, dialect: Dialect, name: str
) -> None:
    client, proxy = await _behind_proxy(bench, server, dialect, name)
    channel = f"map:{name}"
    subscription = await mapped(client, channel)
    proxy.go_wild(11, 6000)
    proxy.cut()
    rng = random.Random(5)
    truth: dict[str, Any] = {}
    changes = 0
    for number in range(200):
        key = f"key-{rng.randrange(12)}"
        if key in truth and rng.random() < 0.3:
            await _take(server, channel, key)
            del truth[key]
        else:
            truth[key] = number
            await _put(server, channel, key, number)
        changes += 1
        if rng.random() < 0.1:
            await asyncio.sleep(0.01)  # so that some of the cuts fall between the changes
    proxy.calm_down()
    proxy.cut()
    await _put(server, channel, "end", "end")
    await subscription.log.until(lambda log: mirror(log).get("end") == "end")
    assert mirror(subscription.log) == {**truth, "end": "end"}
    # What was changed several times meanwhile is recovered as it is now: in order, never twice.
    offsets = [one.offset for one in subscription.log.named("update")]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] == changes + 1
    assert len(subscription.log.named("sync")) == 1
    assert proxy.cuts > 2
