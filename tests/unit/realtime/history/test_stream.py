"""The rules of a stream of facts, against a model."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from realtime.history.stream import Stream
from realtime.publication import Publication, StreamPosition


def fact(offset: int, epoch: str = "e") -> Publication:
    return Publication("a", b"%d" % offset, offset, epoch)


def offsets(facts: list[Publication]) -> list[int]:
    return [one.offset for one in facts]


def at(offset: int, limit: int = 100) -> Stream:
    stream = Stream(limit)
    stream.locate(StreamPosition(offset, "e"))
    return stream


def test_the_next_is_ready_and_a_duplicate_dropped() -> None:
    stream = at(5)
    assert offsets(stream.receive(fact(6))) == [6]
    assert stream.receive(fact(6)) == []
    assert stream.receive(fact(3)) == []
    assert not stream.gap


def test_a_later_one_is_held_until_the_hole_is_filled() -> None:
    stream = at(6)
    assert stream.receive(fact(9)) == []
    assert stream.gap_end == 8
    assert offsets(stream.fill([fact(7), fact(8)])) == [7, 8, 9]
    assert not stream.gap
    assert stream.position == StreamPosition(9, "e")


def test_without_a_position_all_is_held_until_there_is_one() -> None:
    stream = Stream(100)
    for offset in (4, 5, 6):
        assert stream.receive(fact(offset)) == []
    assert not stream.gap
    assert offsets(stream.locate(StreamPosition(4, "e"))) == [5, 6]


def test_facts_of_another_epoch_are_foreign_and_not_kept_by_a_new_position() -> None:
    stream = at(5)
    assert stream.foreign(fact(1, "f"))
    stream.forget()
    assert not stream.foreign(fact(1, "f"))
    stream.receive(fact(1, "f"))
    stream.receive(fact(2, "g"))
    assert offsets(stream.locate(StreamPosition(0, "f"))) == [1]
    assert not stream.gap


def test_what_is_held_is_bounded() -> None:
    stream = at(0, limit=10)
    for offset in range(100, 200):
        stream.receive(fact(offset))
    assert stream.gap_end == 189
    assert offsets(stream.fill(fact(n) for n in range(1, 190))) == list(range(1, 200))


@given(st.integers(1, 30), st.integers(0, 2**32), st.data())
def test_any_order_with_repeats_comes_out_once_and_in_order(
    count: int, seed: int, data: st.DataObject
) -> None:
    order = [*range(1, count + 1), *data.draw(st.lists(st.integers(1, count), max_size=20))]
    random.Random(seed).shuffle(order)
    stream, out = at(0), []
    for offset in order:
        out += offsets(stream.receive(fact(offset)))
    assert out == list(range(1, count + 1))


@given(st.sets(st.integers(1, 30)), st.integers(0, 2**32))
def test_holes_are_filled_from_history(lost: set[int], seed: int) -> None:
    order = [offset for offset in range(1, 31) if offset not in lost]
    random.Random(seed).shuffle(order)
    stream, out = at(0), []
    for offset in order:
        out += offsets(stream.receive(fact(offset)))
        assert out == list(range(1, len(out) + 1))
    while stream.gap:
        assert stream.position is not None
        start, end = stream.position.offset, stream.gap_end
        out += offsets(stream.fill(fact(n) for n in range(start + 1, end + 1)))
    top = max(order, default=0)
    assert out == list(range(1, top + 1))
