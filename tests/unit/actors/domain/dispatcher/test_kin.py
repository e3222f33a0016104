"""Mappings that know what they were made from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.dispatcher.kin import Kin, changed, descended

# Of so many that what they were made from is remembered; and of few, where it is not.
WIDE = {str(key): object() for key in range(200)}
mappings = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([object() for _ in "xyz"]))


@given(mappings, mappings)
def test_what_changed_is_what_is_another_object_or_in_one_only(
    old: dict[str, object], new: dict[str, object]
) -> None:
    keys = changed(old, new)
    assert len(set(keys)) == len(keys)
    assert set(keys) == {key for key in {*old, *new} if old.get(key) is not new.get(key)}


@given(
    mappings,
    st.lists(st.tuples(mappings, st.sets(st.sampled_from("abcdef"), max_size=2)), max_size=5),
    st.integers(0, 5),
    st.booleans(),
)
def test_of_kin_the_same_changed_and_they_are_what_their_changes_make_of_them(
    first: dict[str, object],
    turns: list[tuple[dict[str, object], set[str]]],
    before: int,
    wide: bool,
) -> None:
    if wide:
        first = WIDE | first
    made, expected = [first], [dict(first)]
    for changes, gone in turns:
        made.append(descended(made[-1], changes, gone))
        known = {**expected[-1], **changes}
        expected.append({key: known[key] for key in known if key not in gone})
    assert made == expected
    old, new = made[min(before, len(made) - 1)], made[-1]
    other = descended(old, {"a": "another"})  # a branch that was not followed
    for one, another in ((old, new), (new, old), (new, other), (other, new)):
        keys = changed(one, another)
        assert len(set(keys)) == len(keys)
        both = {*one, *another}
        assert set(keys) == {key for key in both if one.get(key) is not another.get(key)}


def test_a_long_line_of_kin_keeps_no_more_than_one_ancestor() -> None:
    first = made = {str(key): 0 for key in range(200)}
    for count in range(1, 1_000):
        before, made = made, descended(made, {str(count % 200): count})
        assert changed(before, made) == [str(count % 200)]
        assert isinstance(made, Kin)
        assert not isinstance(made.root, Kin) or made.root.root is None
    assert sorted(changed(first, made)) == sorted(first)
