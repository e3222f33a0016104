"""A burst is encoded and joined once, for whoever takes the same of it."""

from __future__ import annotations

from realtime.hub.channel import Channel, Subscription
from realtime.hub.compression import Deltas
from realtime.hub.run import Run
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON, JsonCodec
from realtime.publication import Publication, StreamPosition
from realtime.transport.message import Message
from tests.unit.realtime.world import Reader, World


class CountingCodec(JsonCodec):
    def __init__(self) -> None:
        self.encoded = 0

    def publication(self, publication: Publication) -> bytes:
        self.encoded += 1
        return super().publication(publication)


class Counting(Reader):
    """Keeps the messages that it was given as they came."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Message] = []

    def deliver(self, message: Message) -> None:
        self.given.append(message)
        super().deliver(message)


def at(offset: int) -> StreamPosition:
    return StreamPosition(offset, "e")


def facts(count: int, size: int = 10) -> list[Publication]:
    data = b'"' + b"x" * size + b'"'
    return [Publication("fact:1", data, offset, "e") for offset in range(1, count + 1)]


def test_who_takes_the_same_is_given_the_same_object() -> None:
    run = Run(facts(3), 1 << 16, Deltas().budget())
    assert run.messages(JSON, (0, 1, 2)) is run.messages(JSON, (0, 1, 2))
    assert run.messages(JSON, run.plain) is run.messages(JSON, run.plain)


def test_a_publication_is_encoded_once_whoever_takes_what() -> None:
    codec = CountingCodec()
    run = Run(facts(5), 1 << 16, Deltas().budget())
    for taken in (run.plain, (1, 2), (4,), (0, 4)):
        assert run.messages(codec, taken)
    assert codec.encoded == 5


def test_messages_stay_within_the_limit_and_a_great_one_stands_alone() -> None:
    run = Run(facts(10, size=100), 1000, Deltas().budget())
    messages = run.messages(JSON, run.plain)
    assert messages is not None
    assert len(messages) > 1
    assert all(len(one.payload) <= 1000 + len(one.frames) for one in messages)
    assert sum(len(one.frames) for one in messages) == 10
    assert Run(facts(2, size=5000), 1000, Deltas().budget()).messages(JSON, (0, 1)) is not None


async def test_a_burst_reaches_each_reader_as_one_message() -> None:
    async with World() as world:
        readers = [Counting(), Counting()]
        for reader in readers:
            await world.join(reader, "fact:1")
        await world.publish("fact:1", 20)
        for reader in readers:
            assert reader.facts == list(range(1, 21))
            assert not reader.faults
        (first,), (second,) = (reader.given for reader in readers)
        assert first is second


async def test_one_who_is_ahead_takes_only_what_is_new() -> None:
    async with World() as world:
        ahead, behind = Counting(), Counting()
        for reader in (ahead, behind):
            await world.join(reader, "fact:1")
        channel = Channel("fact:1", 10)
        channel.add(ahead, Subscription(ahead, SubscribeOptions("fact"), offset=2))
        channel.add(behind, Subscription(behind, SubscribeOptions("fact"), offset=0))
        ahead.position, behind.position = at(2), at(0)
        for fact in facts(3):
            world.hub._fan_out.push(channel, fact)
        world.hub._fan_out.flush(channel)
        assert (ahead.facts, behind.facts) == ([3], [1, 2, 3])
        assert not ahead.faults + behind.faults


async def test_who_joins_in_the_same_turn_gets_nothing_from_before() -> None:
    async with World() as world:
        early, late = Counting(), Counting()
        await world.join(early, "signal:1")
        await world.join(Counting(), "signal:1")
        world.broker.inject(Publication("signal:1", b'"before"', delivery="signal"))
        await world.join(late, "signal:1")  # all of it is there already: no turn passes
        world.broker.inject(Publication("signal:1", b'"after"', delivery="signal"))
        await world.publish("fact:other")
        assert early.values == [b'"before"', b'"after"']
        assert late.values == [b'"after"']
