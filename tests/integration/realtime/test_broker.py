"""One contract, every broker: what holds for the memory broker holds for the Redis one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from realtime.publication import Publication, StreamPosition
from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import NAMES, Listener, broker_of, facts


async def test_what_is_published_arrives_as_it_was_and_in_order(listener: Listener) -> None:
    sent = [
        *facts("a:1", 1, 2),
        Publication("a:1", b'"s"', delivery="signal"),
        *facts("a:1", 3),
        Publication("a:1", b'{"x":1}', key="unit-7", delivery="latest"),
    ]
    await listener.broker.subscribe("a:1")
    await listener.broker.publish(sent)
    await listener.flush()
    assert listener.got == sent


@pytest.mark.parametrize("name", NAMES)
async def test_any_channel_name_will_do(listener: Listener, name: str) -> None:
    await listener.broker.subscribe(name)
    await listener.broker.publish(facts(name, 1))
    await listener.flush()
    assert listener.got == facts(name, 1)
    assert await listener.broker.top(name) == StreamPosition(1, "e1")


async def test_only_channels_listened_to_are_delivered(listener: Listener) -> None:
    await listener.broker.subscribe("a:1")
    await listener.broker.publish(facts("a:2", 1))
    await listener.broker.unsubscribe("a:1")
    await listener.broker.publish(facts("a:1", 1))
    await listener.flush()
    assert listener.got == []
    await listener.broker.subscribe("a:1")
    await listener.broker.publish(facts("a:1", 2))
    await listener.flush()
    assert listener.got == facts("a:1", 2)


async def test_a_repeated_or_older_fact_is_dropped_silently(listener: Listener) -> None:
    await listener.broker.subscribe("a:1")
    await listener.broker.publish(facts("a:1", 1, 2, 3))
    await listener.broker.publish(facts("a:1", 2, 3, 1))
    await listener.broker.publish(facts("a:1", 3, 4))
    await listener.flush()
    assert listener.got == facts("a:1", 1, 2, 3, 4)


async def test_history_gives_what_follows_an_offset(listener: Listener) -> None:
    await listener.broker.publish(facts("h:1", *range(1, 11)))
    found = await listener.broker.history("h:1", 7, 100)
    assert found is not None
    assert found.publications == tuple(facts("h:1", 8, 9, 10))
    assert (found.top_offset, found.epoch) == (10, "e1")
    limited = await listener.broker.history("h:1", 0, 4)
    assert limited is not None
    assert limited.publications == tuple(facts("h:1", 1, 2, 3, 4))
    assert limited.top_offset == 10
    position = await listener.broker.history("h:1", 0, 0)
    assert position is not None
    assert (position.publications, position.top_offset) == ((), 10)


async def test_history_at_the_top_is_empty_and_beyond_it_unknown(listener: Listener) -> None:
    await listener.broker.publish(facts("h:1", 1, 2))
    found = await listener.broker.history("h:1", 2, 100)
    assert found is not None
    assert found.publications == ()
    assert await listener.broker.history("h:1", 3, 100) is None
    assert await listener.broker.history("h:1", 2**64 - 1, 100) is None
    assert await listener.broker.history("h:none", 0, 100) is None
    assert await listener.broker.top("h:none") is None


async def test_trimmed_history_says_that_it_is_not_covered(listener: Listener) -> None:
    # Redis trims whole nodes of a hundred entries: far more than that, to be sure.
    await listener.broker.publish(facts("h:1", *range(1, 501)))
    assert await listener.broker.history("h:1", 0, 1000) is None
    found = await listener.broker.history("h:1", 480, 1000)
    assert found is not None
    assert [one.offset for one in found.publications] == list(range(481, 501))


async def test_a_hole_in_the_stream_is_found(listener: Listener) -> None:
    await listener.broker.publish(facts("h:1", 1, 2, 4, 5))
    assert await listener.broker.history("h:1", 1, 100) is None
    assert await listener.broker.history("h:1", 2, 100) is None
    found = await listener.broker.history("h:1", 3, 100)
    assert found is not None
    assert found.publications == tuple(facts("h:1", 4, 5))


async def test_another_epoch_begins_the_stream_anew(listener: Listener) -> None:
    await listener.broker.subscribe("h:1")
    await listener.broker.publish(facts("h:1", 1, 2, 3))
    await listener.broker.publish(facts("h:1", 1, epoch="e2"))
    await listener.flush()
    assert listener.got[-1] == facts("h:1", 1, epoch="e2")[0]
    assert await listener.broker.top("h:1") == StreamPosition(1, "e2")
    assert await listener.broker.history("h:1", 2, 10) is None


async def test_the_newest_value_of_each_key_is_kept(listener: Listener) -> None:
    def value(key: str, n: int) -> Publication:
        return Publication("fleet:1", b"%d" % n, key=key, delivery="latest")

    await listener.broker.subscribe("fleet:1")
    await listener.broker.publish([value("a", 1), value("b", 1), value("a", 2)])
    await listener.broker.publish([value("b", 2), value("", 9)])
    assert await listener.broker.latest("fleet:1") == {
        "a": value("a", 2),
        "b": value("b", 2),
        "": value("", 9),
    }
    await listener.flush()
    newest = {one.key: one for one in listener.got}
    assert newest == {"a": value("a", 2), "b": value("b", 2), "": value("", 9)}
    assert await listener.broker.latest("fleet:none") == {}


async def test_signals_leave_nothing_behind(listener: Listener) -> None:
    await listener.broker.publish([Publication("s:1", b"1", delivery="signal")])
    assert await listener.broker.top("s:1") is None
    assert await listener.broker.latest("s:1") == {}


async def test_an_empty_batch_is_nothing(listener: Listener) -> None:
    await listener.broker.publish([])
    await listener.flush()
    assert listener.got == []


@pytest.mark.parametrize("kind", ["memory", "redis", "sharded"])
async def test_what_is_quiet_for_long_is_forgotten(
    kind: str, redis_urls: Mapping[str, str]
) -> None:
    settings = BrokerSettings(history_ttl_s=1, latest_ttl_s=1, prefix=f"quiet-{kind}")
    broker = broker_of(kind, redis_urls, settings)
    await broker.start(lambda _: None, lambda _: None)
    try:
        await broker.publish(facts("t:1", 1))
        await broker.publish([Publication("t:2", b"1", key="k", delivery="latest")])
        assert await broker.top("t:1")
        assert await broker.latest("t:2")
        async with asyncio.timeout(5):
            while await broker.top("t:1") or await broker.latest("t:2"):
                await asyncio.sleep(0.02)
    finally:
        await broker.stop()
