"""Readers with deltas have the same data as all others, and each delta is computed once."""

from __future__ import annotations

import json

import pytest

from realtime.hub import compression, delta
from realtime.hub.compression import Deltas, delta_chain
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import FilterNode, SubscribeRequest
from realtime.publication import Publication, StreamPosition
from tests.unit.realtime.world import RETENTION, Reader, World

CHANNEL = "state:1"
OPTIONS = SubscribeOptions("fact", retention=RETENTION, delta=True, tags_filter=True)


def state(number: int) -> bytes:
    """Some hundred bytes, of which a few change."""
    units = [{"unit": f"unit-{index}", "status": "available"} for index in range(5)]
    units[number % 5]["status"] = f"on task {number}, at the Škoda works"
    return json.dumps(units, ensure_ascii=False).encode()


def world_of(options: SubscribeOptions = OPTIONS) -> World:
    world = World()
    world.policy.options[CHANNEL] = options
    return world


class TestNegotiation:
    async def test_only_where_it_is_asked_for_and_allowed(self) -> None:
        async with world_of() as world:
            for asked, allowed, given in (
                ("fossil", True, True),
                ("fossil", False, False),
                ("", True, False),
                ("zstd", True, False),
            ):
                world.policy.options[CHANNEL] = SubscribeOptions(
                    "fact", retention=RETENTION, delta=allowed
                )
                request = SubscribeRequest(CHANNEL, delta=asked)
                assert (await world.hub.subscribe(Reader(), request)).delta is given


class TestLive:
    async def test_the_first_comes_whole_and_the_others_as_deltas(self) -> None:
        async with world_of() as world:
            reader, plain = Reader(delta=True), Reader()
            await world.join(reader, CHANNEL)
            await world.join(plain, CHANNEL)
            states = [state(number) for number in range(4)]
            for one in states:
                await world.append(CHANNEL, one)
            assert reader.data == plain.data == states
            assert reader.deltas == 3
            first, *others = [json.loads(frame)["push"]["pub"] for frame in reader.frames]
            assert (first["data"], "delta" in first) == (states[0].decode(), False)
            assert all(other["delta"] for other in others)
            assert sum(map(len, reader.frames)) < 0.7 * sum(map(len, plain.frames))

    async def test_what_is_no_shorter_as_a_delta_comes_whole(self) -> None:
        async with world_of() as world:
            reader = Reader(delta=True)
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, b'"a"', b'"b"', b'"c"')
            assert (reader.data, reader.deltas) == ([b'"a"', b'"b"', b'"c"'], 0)

    async def test_one_delta_is_computed_for_all_and_shared(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        computed = 0
        create = delta.create

        def counted(source: bytes, target: bytes) -> bytes:
            nonlocal computed
            computed += 1
            return create(source, target)

        monkeypatch.setattr("realtime.hub.compression.create", counted)
        async with world_of() as world:
            readers = [Reader(delta=True) for _ in range(20)]
            for reader in readers:
                await world.join(reader, CHANNEL)
            await world.append(CHANNEL, state(1), state(2))
            late = Reader(delta=True)
            await world.join(late, CHANNEL)
            await world.append(CHANNEL, state(3), state(4))
            assert computed == 3
            assert len({id(reader.frames[-1]) for reader in readers}) == 1
            assert late.data == [state(3), state(4)]
            assert late.deltas == 1

    async def test_a_burst_of_one_turn_is_a_chain(self) -> None:
        async with world_of() as world:
            reader = Reader(delta=True)
            await world.join(reader, CHANNEL)
            world.broker.losing = True
            await world.append(CHANNEL, *(state(number) for number in range(6)))
            world.broker.losing = False
            await world.append(CHANNEL, state(6))
            assert reader.data == [state(number) for number in range(7)]
            assert reader.deltas == 6

    async def test_signals_and_facts_are_one_chain(self) -> None:
        async with world_of() as world:
            reader = Reader(delta=True)
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, state(1))
            await world.broker.publish([Publication(CHANNEL, state(2), delivery="signal")])
            await world.append(CHANNEL, state(3))
            assert (reader.data, reader.values) == ([state(1), state(3)], [state(2)])
            assert reader.deltas == 2

    async def test_newest_values_come_as_deltas_too(self) -> None:
        async with world_of(SubscribeOptions("latest", delta=True)) as world:
            first = Publication(CHANNEL, state(1), key="a", delivery="latest")
            await world.broker.publish([first])
            reader = Reader(delta=True)
            await world.join(reader, CHANNEL)
            second = Publication(CHANNEL, state(2), key="b", delivery="latest")
            await world.broker.publish([second])
            await world.clock.advance(0.3)
            assert reader.values == [state(1), state(2)]
            assert reader.deltas == 1

    async def test_deltas_are_against_what_the_reader_was_given(self) -> None:
        """With a filter that is not what was published before."""
        async with world_of() as world:
            reader = Reader(delta=True, tf=FilterNode(key="n", cmp="eq", val="1"))
            other = Reader(delta=True, tf=FilterNode(key="n", cmp="neq", val="1"))
            await world.join(reader, CHANNEL)
            await world.join(other, CHANNEL)
            for number in range(9):
                await world.append(CHANNEL, state(number), tags={"n": str(number % 3)})
            assert reader.data == [state(number) for number in (1, 4, 7)]
            assert other.data == [state(number) for number in (0, 2, 3, 5, 6, 8)]
            assert (reader.deltas, other.deltas) == (2, 5)

    async def test_also_within_one_burst(self) -> None:
        async with world_of() as world:
            reader = Reader(delta=True, tf=FilterNode(key="n", cmp="eq", val="1"))
            await world.join(reader, CHANNEL)
            for _ in range(2):
                world.broker.losing = True
                for number in (0, 1, 2):
                    await world.append(CHANNEL, state(number), tags={"n": str(number % 3)})
                world.broker.losing = False
                await world.append(CHANNEL, state(3), tags={"n": "3"})
            assert reader.data == [state(1), state(1)]
            assert reader.deltas == 1


class TestRecovery:
    async def test_missed_ones_come_as_a_chain_and_live_ones_go_on_from_it(self) -> None:
        async with world_of() as world:
            reader = Reader(delta=True)
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, state(0))
            world.hub.unsubscribe(reader, CHANNEL)
            await world.append(CHANNEL, *(state(number) for number in range(1, 5)))
            result = await world.join(reader, CHANNEL)
            assert [one.delta for one in result.publications] == [False, True, True, True]
            await world.append(CHANNEL, state(5))
            assert reader.data == [state(number) for number in range(6)]
            assert json.loads(reader.frames[-1])["push"]["pub"]["delta"] is True

    async def test_who_missed_nothing_gets_the_next_one_whole(self) -> None:
        """It may say where it stands without having the data."""
        async with world_of() as world:
            await world.append(CHANNEL, state(0))
            reader = Reader(delta=True)
            epoch = (await world.broker.stream(CHANNEL, None, 0, RETENTION)).epoch
            reader.position = StreamPosition(1, epoch)
            assert (await world.join(reader, CHANNEL)).recovered is True
            await world.append(CHANNEL, state(1))
            assert (reader.data, reader.deltas) == ([state(1)], 0)

    async def test_a_cache_recovers_whole(self) -> None:
        options = SubscribeOptions("fact", retention=RETENTION, recovery_mode="cache", delta=True)
        async with world_of(options) as world:
            await world.append(CHANNEL, state(0), state(1))
            reader = Reader(delta=True)
            reader.position = StreamPosition(0, "")
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, state(2))
            assert reader.values + reader.data == [state(1), state(2)]
            assert reader.deltas == 1

    def test_the_work_for_one_reply_is_bounded(self) -> None:
        large = [
            Publication("a", json.dumps([number, "x" * 20_000]).encode(), number, "e")
            for number in range(1, 41)
        ]
        deltas = Deltas()
        first = delta_chain(JSON, large, deltas.budget())
        assert 0 < sum(one.delta for one in first) < 10
        # Those who come later find what was computed for the first.
        second = delta_chain(JSON, large, deltas.budget())
        assert sum(one.delta for one in second) == 2 * sum(one.delta for one in first)

    def test_what_is_remembered_is_bounded(self) -> None:
        deltas = Deltas()
        one, other = b'"%s"' % (b"a" * 50), b'"%s"' % (b"b" + b"a" * 50)
        for offset in range(1, 2 * compression._CACHED, 2):
            deltas.compute(
                Publication("a", one, offset, "e"), Publication("a", other, offset + 1, "e")
            )
        assert deltas.known(Publication("a", one, 1, "e"), Publication("a", other, 2, "e"))
        for offset in range(1, 40):
            deltas.compute(
                Publication("b", one, offset, "e"), Publication("b", other, offset + 1, "e")
            )
        assert deltas.known(Publication("a", one, 1, "e"), Publication("a", other, 2, "e")) is None
