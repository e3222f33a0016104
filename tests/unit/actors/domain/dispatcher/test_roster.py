"""Entries by key, whose tuple is another object only when an entry is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.dispatch.difference import differing
from actors.domain.dispatcher.roster import Roster


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([None, "x", "y"]))))
def test_it_holds_what_was_put_last(puts: list[tuple[str, str | None]]) -> None:
    roster, known = Roster[str](), dict[str, str]()
    for key, entry in puts:
        before = roster.entries()
        same = known.get(key) == entry
        roster.put(key, entry)
        if entry is None:
            known.pop(key, None)
        else:
            known[key] = entry
        assert sorted(roster.entries()) == sorted(known.values())
        assert (roster.entries() is before) == same
        # An entry that goes leaves its place to the last: at most that one moves.
        after = roster.entries()
        assert {
            row for row, (a, b) in enumerate(zip(before, after, strict=False)) if a != b
        } <= set(differing(before, after))
        assert sum(a is not b for a, b in zip(before, after, strict=False)) <= 1
    roster.keep({"a"})
    assert roster.entries() == tuple(known[key] for key in known if key == "a")
