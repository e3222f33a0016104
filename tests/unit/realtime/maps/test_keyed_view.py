"""What a node makes of what it receives and reads."""

from __future__ import annotations

from realtime.maps.keyed import KeyedOptions, KeyedSlice, beginning
from realtime.maps.keyed_view import KeyedView, Received
from realtime.publication import Publication, StreamPosition


def change(offset: int, key: str = "a", epoch: str = "e") -> Publication:
    return Publication("m", b"%d" % offset, offset, epoch, key, delivery="keyed")


def read(*changes: Publication, top: int = 0, floor: int = 0) -> KeyedSlice:
    top = top or max((one.offset for one in changes), default=0)
    return KeyedSlice(changes, StreamPosition(top, "e"), floor)


def whole(*changes: Publication) -> KeyedView:
    view = KeyedView("m", KeyedOptions())
    assert view.fill(read(*changes), rest=True)
    return view


def test_changes_are_taken_in_order_and_once() -> None:
    view = whole(change(1))
    assert view.receive(change(1)) is Received.KNOWN
    assert view.receive(change(3)) is Received.GAP
    assert view.receive(change(2)) is Received.TAKEN
    assert [step.change.offset for step in view.emission()] == [1, 2, 3]
    assert view.receive(change(4, epoch="f")) is Received.FOREIGN


def test_what_arrives_while_the_map_is_read_follows_what_was_read() -> None:
    view = KeyedView("m", KeyedOptions())
    for offset in (2, 3, 4):
        assert view.receive(change(offset, f"k{offset}")) is Received.TAKEN
    assert view.fill(read(change(1), top=3), rest=False)
    assert view.emission() == []
    assert view.fill(read(change(2, "k2"), change(3, "k3")), rest=True)
    assert [step.change.offset for step in view.emission()] == [1, 2, 3, 4]


def test_a_beginning_that_arrives_while_the_map_is_read_makes_the_answer_void() -> None:
    view = KeyedView("m", KeyedOptions())
    view.receive(beginning("m", "f"))
    assert not view.fill(read(change(1)), rest=True)


def test_removals_forgotten_while_the_map_is_read_make_the_answer_void() -> None:
    view = KeyedView("m", KeyedOptions())
    assert view.fill(read(change(1), top=9), rest=False)
    assert not view.fill(read(change(9, "b"), floor=8), rest=True)


def test_the_floor_of_a_map_that_was_read_is_the_stores() -> None:
    view = KeyedView("m", KeyedOptions())
    assert view.fill(read(change(3), top=7, floor=7), rest=True)
    assert view.log is not None
    assert (view.log.top, view.log.covers(6), view.log.covers(7)) == (7, False, True)


def test_a_snapshot_serves_until_it_is_too_old() -> None:
    view = whole(change(1))
    first = view.snapshot(0, 2)
    view.receive(change(2, "b"))
    assert view.snapshot(0, 2) is first
    assert view.snapshot(2, 2).top == 2
