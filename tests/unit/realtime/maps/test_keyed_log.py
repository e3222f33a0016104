"""The compacted log, and its snapshots."""

from __future__ import annotations

import pytest

from realtime.errors import BadRequest
from realtime.maps.keyed import KeyedOptions
from realtime.maps.keyed_log import KeyedLog
from realtime.maps.keyed_snapshot import KeyedSnapshot
from realtime.publication import Publication


def change(offset: int, key: str, removed: bool = False, score: int = 0) -> Publication:
    return Publication("m", b"1", offset, "e", key, delivery="keyed", removed=removed, score=score)


def log(*changes: Publication, removed_size: int = 10) -> KeyedLog:
    found = KeyedLog("e", removed_size)
    for one in changes:
        found.put(one)
    return found


def test_each_key_stands_where_it_changed_last() -> None:
    found = log(change(1, "a"), change(2, "b"), change(3, "a"), change(4, "b", removed=True))
    assert [(one.offset, one.key) for one in found.above(0)] == [(3, "a"), (4, "b")]
    assert [one.offset for one in found.above(3)] == [4]
    assert found.above(4) == []


def test_what_a_change_takes_the_place_of_is_told() -> None:
    found = log(change(1, "a"))
    assert found.put(change(2, "a", removed=True)) == change(1, "a")
    assert found.put(change(3, "a")) == change(2, "a", removed=True)
    assert found.put(change(4, "b")) is None


def test_a_forgotten_removal_raises_the_floor() -> None:
    found = log(change(1, "a"), change(2, "a", removed=True), removed_size=0)
    assert (found.floor, found.above(0)) == (2, [])
    assert [found.covers(offset) for offset in (0, 1, 2, 3)] == [True, False, True, False]


def test_pages_of_a_snapshot_end_with_the_state_at_that_offset() -> None:
    changes = [change(1, "a"), change(3, "b", removed=True), change(4, "c"), change(6, "d")]
    snapshot = KeyedSnapshot(changes, 6)
    page, cursor = snapshot.state("", 4, 1)
    assert ([one.key for one in page], cursor) == (["a"], "1")
    page, cursor = snapshot.state(cursor, 4, 1)
    assert ([one.key for one in page], cursor) == (["c"], "")


def test_equal_scores_are_told_apart_by_key() -> None:
    changes = [change(n, key, score=7) for n, key in enumerate("cab:", 1)]
    snapshot = KeyedSnapshot(changes, 4)
    keys, cursor = [], ""
    for _ in range(4):
        (one,), cursor = snapshot.ranking(cursor, 4, 1, ascending=False)
        keys.append(one.key)
    assert (keys, cursor) == ([":", "a", "b", "c"], "")


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 30, "١"])
def test_a_cursor_is_a_number(cursor: str) -> None:
    with pytest.raises(BadRequest):
        KeyedSnapshot([], 0).state(cursor, 0, 1)


@pytest.mark.parametrize("cursor", ["x", "x:a", ""])
def test_a_rank_is_a_score_and_a_key(cursor: str) -> None:
    if cursor:
        with pytest.raises(BadRequest):
            KeyedSnapshot([], 0).ranking(cursor, 0, 1, ascending=False)
    else:
        assert KeyedSnapshot([], 0).ranking(cursor, 0, 1, ascending=False) == ([], "")


@pytest.mark.parametrize(("asked", "given"), [(0, 100), (-3, 100), (1, 10), (50, 50), (9999, 500)])
def test_a_page_has_bounds(asked: int, given: int) -> None:
    assert KeyedOptions(page_size_min=10, page_size_max=500).page(asked) == given


def test_a_ranking_shows_the_state_at_an_offset() -> None:
    snapshot = KeyedSnapshot([change(1, "a"), change(2, "b"), change(3, "c")], 3)
    page, cursor = snapshot.ranking("", 2, 10, ascending=True)
    assert ([one.key for one in page], cursor) == (["a", "b"], "")
