"""Streams that the broker itself counts: one contract for every broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import count

import pytest

from realtime.errors import UnrecoverablePosition
from realtime.publication import Append, HistorySlice, Peer, Publication, Retention, StreamPosition
from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import NAMES, Listener, broker_of
from tests.integration.realtime.waiting import until

KEPT = Retention(size=100, ttl_s=60.0)
_numbers = count()


def append(data: str, channel: str = "s:1", retention: Retention = KEPT, key: str = "") -> Append:
    return Append(channel, data.encode(), retention, idempotency_key=key)


async def fill(listener: Listener, count: int, retention: Retention = KEPT) -> StreamPosition:
    """Append "1", "2", ... and return the position of the last."""
    position = StreamPosition(0, "")
    for number in range(1, count + 1):
        position = await listener.broker.append(append(f"{number}", retention=retention))
    return position


def offsets(found: HistorySlice) -> list[int]:
    return [one.offset for one in found.publications]


async def test_an_append_gets_the_next_offset_and_is_delivered_as_a_fact(
    listener: Listener,
) -> None:
    peer = Peer("ann", "c1", b'{"n":1}', b"[2]")
    await listener.broker.subscribe("s:1")
    before = int(time.time() * 1000)
    first = await listener.broker.append(
        Append("s:1", b'{"a":"\xc3\xbc"}', KEPT, peer, {"lang": "de", "": "ü"})
    )
    second = await listener.broker.append(append("2"))
    assert (first.offset, second) == (1, StreamPosition(2, first.epoch))
    assert first.epoch
    await listener.flush()
    assert listener.got == [
        Publication(
            "s:1",
            b'{"a":"\xc3\xbc"}',
            1,
            first.epoch,
            info=peer,
            tags={"lang": "de", "": "ü"},
            time=listener.got[0].time,
        ),
        Publication("s:1", b"2", 2, first.epoch, time=listener.got[1].time),
    ]
    assert before <= listener.got[0].time <= listener.got[1].time <= time.time() * 1000
    page = await listener.broker.stream("s:1", None, -1, KEPT)
    assert list(page.publications) == listener.got


@pytest.mark.parametrize("name", NAMES)
async def test_any_channel_name_and_key_will_do(listener: Listener, name: str) -> None:
    await listener.broker.subscribe(name)
    first = await listener.broker.append(append("1", name, key=name))
    again = await listener.broker.append(append("1", name, key=name))
    assert first == again
    other = await listener.broker.append(append("2", name + "x", key=name))
    assert (other.offset, other.epoch != first.epoch) == (1, True)
    assert (await listener.broker.append(append("2", name))).offset == 2
    await listener.broker.clear(name + "x")
    await listener.flush()
    assert [one.data for one in listener.got] == [b"1", b"2"]
    assert offsets(await listener.broker.stream(name, None, -1, KEPT)) == [1, 2]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_500_000])
async def test_a_payload_of_any_size_comes_through(listener: Listener, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"\r\n" * (size % 256 // 2) + b"x" * (size % 2)
    await listener.broker.subscribe("big:1")
    await listener.broker.append(Append("big:1", data, KEPT))
    await listener.broker.publish([Publication("big:2", data, 1, "e1")])
    await listener.flush()
    assert [one.data for one in listener.got] == [data]
    page = await listener.broker.stream("big:1", None, -1, KEPT)
    assert [one.data for one in page.publications] == [data]
    found = await listener.broker.history("big:2", 0, 10)
    assert found is not None
    assert [one.data for one in found.publications] == [data]


async def test_offsets_count_far_without_a_hole(listener: Listener) -> None:
    # msgpack's and Lua's numbers change their form at 128, 256 and 65,536.
    top = await fill(listener, 300, Retention(size=300, ttl_s=60.0))
    page = await listener.broker.stream("s:1", None, -1, KEPT)
    assert offsets(page) == list(range(1, 301))
    assert (page.top_offset, page.epoch) == (300, top.epoch)


async def test_appends_at_the_same_time_get_an_offset_each(listener: Listener) -> None:
    await listener.broker.subscribe("s:1")
    positions = await asyncio.gather(
        *(listener.broker.append(append(f"{number}")) for number in range(100))
    )
    assert sorted(position.offset for position in positions) == list(range(1, 101))
    await listener.flush()
    assert [one.offset for one in listener.got] == list(range(1, 101))
    delivered = {one.offset: one.data for one in listener.got}
    sent = {position.offset: b"%d" % number for number, position in enumerate(positions)}
    assert delivered == sent


async def test_pages_go_either_way_from_either_end_or_a_position(listener: Listener) -> None:
    epoch = (await fill(listener, 10)).epoch

    async def page(since: int | None, limit: int, reverse: bool = False) -> list[int]:
        position = None if since is None else StreamPosition(since, epoch)
        found = await listener.broker.stream("s:1", position, limit, KEPT, reverse)
        assert (found.top_offset, found.epoch) == (10, epoch)
        return offsets(found)

    assert await page(None, 3) == [1, 2, 3]
    assert await page(None, 3, reverse=True) == [10, 9, 8]
    assert await page(7, -1) == [8, 9, 10]
    assert await page(7, 2) == [8, 9]
    assert await page(4, -1, reverse=True) == [3, 2, 1]
    assert await page(4, 2, reverse=True) == [3, 2]
    assert await page(0, -1) == list(range(1, 11))
    assert await page(10, -1) == []
    assert await page(12, -1) == []
    assert await page(12, 2, reverse=True) == [10, 9]
    assert await page(2**64 - 1, -1) == []
    assert await page(2**64 - 1, 1, reverse=True) == [10]
    assert await page(1, -1, reverse=True) == []
    assert await page(0, -1, reverse=True) == []
    assert await page(None, 0) == []
    assert await page(None, 0, reverse=True) == []


async def test_a_position_of_another_epoch_is_unrecoverable(listener: Listener) -> None:
    await fill(listener, 2)
    for limit in (-1, 0):
        with pytest.raises(UnrecoverablePosition):
            await listener.broker.stream("s:1", StreamPosition(1, "other"), limit, KEPT)
    assert offsets(await listener.broker.stream("s:1", StreamPosition(1, ""), -1, KEPT)) == [2]


async def test_a_stream_that_is_asked_for_is_begun(listener: Listener) -> None:
    found = await listener.broker.stream("s:1", None, 0, KEPT)
    assert (found.publications, found.top_offset, found.epoch != "") == ((), 0, True)
    assert await listener.broker.append(append("1")) == StreamPosition(1, found.epoch)


async def test_only_the_newest_are_kept_as_many_as_the_last_append_says(
    listener: Listener,
) -> None:
    await fill(listener, 10, Retention(size=5, ttl_s=60.0))
    assert offsets(await listener.broker.stream("s:1", None, -1, KEPT)) == [6, 7, 8, 9, 10]
    await listener.broker.append(append("11", retention=Retention(size=2, ttl_s=60.0)))
    assert offsets(await listener.broker.stream("s:1", None, -1, KEPT)) == [10, 11]


async def test_a_cleared_stream_keeps_its_position(listener: Listener) -> None:
    top = await fill(listener, 3)
    await listener.broker.clear("s:1")
    found = await listener.broker.stream("s:1", None, -1, KEPT)
    assert found == HistorySlice((), 3, top.epoch)
    assert not found.follows(2)
    assert await listener.broker.append(append("4")) == StreamPosition(4, top.epoch)
    assert offsets(await listener.broker.stream("s:1", None, -1, KEPT)) == [4]
    await listener.broker.clear("s:none")


async def test_a_quiet_stream_is_dropped_but_goes_on_counting(listener: Listener) -> None:
    brief = Retention(size=10, ttl_s=0.05)
    top = await fill(listener, 3, brief)

    async def kept() -> int:
        return len((await listener.broker.stream("s:1", None, -1, brief)).publications)

    async with asyncio.timeout(5):
        while await kept():
            await asyncio.sleep(0.01)
    assert (await listener.broker.append(append("4"))) == StreamPosition(4, top.epoch)


async def test_a_stream_that_is_forgotten_begins_another_epoch(listener: Listener) -> None:
    brief = Retention(size=10, ttl_s=60.0, meta_ttl_s=0.05)
    top = await fill(listener, 3, brief)
    await asyncio.sleep(0.06)  # not polled: each look would prolong it
    found = await listener.broker.stream("s:1", None, -1, KEPT)
    assert (found.publications, found.top_offset, found.epoch != top.epoch) == ((), 0, True)
    assert await listener.broker.append(append("1")) == StreamPosition(1, found.epoch)


async def test_a_stream_known_for_ever_outlives_what_was_kept(listener: Listener) -> None:
    top = await fill(listener, 2, Retention(size=10, ttl_s=0.02, meta_ttl_s=0.03))
    endless = Retention(size=10, ttl_s=0.02, meta_ttl_s=0)
    assert (await listener.broker.stream("s:1", None, 0, endless)).epoch == top.epoch
    await asyncio.sleep(0.05)  # longer than either would have lived, by the server's own clock
    assert await listener.broker.stream("s:1", None, -1, endless) == HistorySlice((), 2, top.epoch)


async def test_a_repeat_gets_the_first_ones_position_and_changes_nothing(
    listener: Listener,
) -> None:
    await listener.broker.subscribe("s:1")
    first = await listener.broker.append(append("1", key="k"))
    await listener.broker.append(append("2"))
    assert await listener.broker.append(append("other data", key="k")) == first
    assert (await listener.broker.append(append("3", key="K"))).offset == 3
    same_key_elsewhere = await listener.broker.append(append("1", "s:2", key="k"))
    assert same_key_elsewhere.offset == 1
    await listener.flush()
    assert [one.data for one in listener.got] == [b"1", b"2", b"3"]


async def test_repeats_at_the_same_time_are_one(listener: Listener) -> None:
    positions = await asyncio.gather(
        *(listener.broker.append(append("1", key="k")) for _ in range(20))
    )
    assert {position.offset for position in positions} == {1}
    assert (await listener.broker.stream("s:1", None, 0, KEPT)).top_offset == 1


@pytest.mark.parametrize("kind", ["memory", "redis", "sharded"])
async def test_after_some_time_a_repeat_is_a_new_one(
    kind: str, redis_urls: Mapping[str, str]
) -> None:
    settings = BrokerSettings(idempotency_ttl_s=1, prefix=f"repeat-{next(_numbers)}")
    broker = broker_of(kind, redis_urls, settings)
    await broker.start(lambda _: None, lambda _: None)
    try:
        first = await broker.append(append("1", key="k"))
        assert await broker.append(append("1", key="k")) == first
        async with asyncio.timeout(5):
            while (position := await broker.append(append("1", key="k"))) == first:
                await asyncio.sleep(0.05)  # of the second that a key is known
        assert position == StreamPosition(2, first.epoch)
    finally:
        await broker.stop()


async def test_appended_and_published_facts_do_not_touch_each_other(listener: Listener) -> None:
    await listener.broker.publish([Publication("s:1", b"fact", 7, "journal")])
    position = await listener.broker.append(append("1"))
    assert position.offset == 1
    assert await listener.broker.top("s:1") == StreamPosition(7, "journal")
    await listener.broker.clear("s:1")
    assert await listener.broker.top("s:1") == StreamPosition(7, "journal")


async def test_a_listener_that_left_is_not_told(listener: Listener) -> None:
    await listener.broker.subscribe("s:1")
    await listener.broker.append(append("1"))
    await until(lambda: listener.got)
    await listener.broker.unsubscribe("s:1")
    await listener.broker.append(append("2"))
    await listener.flush()
    assert [one.data for one in listener.got] == [b"1"]


async def test_a_page_read_while_others_append_is_of_one_moment(listener: Listener) -> None:
    async def write() -> None:
        for _ in range(60):
            await listener.broker.append(append("x"))

    writers = [asyncio.create_task(write()) for _ in range(5)]
    epoch = (await listener.broker.stream("s:1", None, 0, KEPT)).epoch
    since = 0
    while not all(writer.done() for writer in writers):
        page = await listener.broker.stream("s:1", StreamPosition(since, epoch), -1, KEPT)
        assert page.follows(since)
        assert offsets(page)[-1:] in ([], [page.top_offset])
        since = page.top_offset
        await asyncio.sleep(0)
    assert (await listener.broker.stream("s:1", None, 0, KEPT)).top_offset == 300
