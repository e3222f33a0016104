"""Filters pass what the table at the top of `tags_filter.py` says, and bad ones are refused."""

from __future__ import annotations

import pytest

from realtime.errors import BadRequest
from realtime.hub.tags_filter import compile_filter
from realtime.protocol.messages import FilterNode

RED = FilterNode(key="colour", cmp="eq", val="red")
LARGE = FilterNode(key="size", cmp="gt", val="10")


@pytest.mark.parametrize(
    ("cmp", "val", "vals", "passing", "failing"),
    [
        ("eq", "a", (), ["a"], ["b", None, ""]),
        ("neq", "a", (), ["b", None], ["a"]),
        ("in", "", ("a", "b"), ["a", "b"], ["c", None]),
        ("in", "", ("",), ["", None], ["c"]),
        ("nin", "", ("a",), ["b", None], ["a"]),
        ("ex", "", (), ["a", ""], [None]),
        ("nex", "", (), [None], ["a"]),
        ("sw", "ab", (), ["abc"], ["cab", None]),
        ("ew", "ab", (), ["cab"], ["abc", None]),
        ("ct", "ab", (), ["cabc"], ["ba", None]),
        ("gt", "9", (), ["10", "9.01"], ["9", "8", "x", None]),
        ("gte", "9.0", (), ["9", "+9.5"], ["-9", "NaN", "1e9", "٩"]),
        ("lt", "-1.5", (), ["-1.51"], ["-1.5", ""]),
        ("lte", "0.1", (), ["0.10", "-0"], ["0.1000000000000000001"]),
        ("gt", "x", (), [], ["1", "x"]),
    ],
)
def test_comparisons(
    cmp: str, val: str, vals: tuple[str, ...], passing: list[str | None], failing: list[str | None]
) -> None:
    passes = compile_filter(FilterNode(key="tag", cmp=cmp, val=val, vals=vals))
    for tag in [*passing, *failing]:
        tags = {"other": "a"} if tag is None else {"tag": tag}
        assert passes(tags) is (tag in passing), tag


def test_combinations() -> None:
    both = compile_filter(FilterNode(op="and", nodes=(RED, LARGE)))
    either = compile_filter(FilterNode(op="or", nodes=(RED, LARGE)))
    neither = compile_filter(FilterNode(op="not", nodes=(FilterNode(op="or", nodes=(RED, LARGE)),)))
    for tags, expected in (
        ({"colour": "red", "size": "11"}, (True, True, False)),
        ({"colour": "red"}, (False, True, False)),
        ({}, (False, False, True)),
    ):
        assert (both(tags), either(tags), neither(tags)) == expected


def test_equal_filters_are_the_same() -> None:
    one = compile_filter(FilterNode(op="and", nodes=(RED, LARGE)))
    other = compile_filter(
        FilterNode(op="and", nodes=(FilterNode(key="colour", cmp="eq", val="red"), LARGE))
    )
    assert one is other
    assert compile_filter(RED) is not compile_filter(LARGE)


@pytest.mark.parametrize(
    "node",
    [
        FilterNode(),
        FilterNode(key="a"),
        FilterNode(key="a", cmp="like", val="b"),
        FilterNode(key="a", cmp="eq"),
        FilterNode(key="a", cmp="eq", val="b", vals=("c",)),
        FilterNode(cmp="eq", val="b"),
        FilterNode(key="a", cmp="in"),
        FilterNode(key="a", cmp="in", val="b", vals=("b",)),
        FilterNode(key="a", cmp="ex", val="b"),
        FilterNode(op="and"),
        FilterNode(op="not"),
        FilterNode(op="not", nodes=(RED, LARGE)),
        FilterNode(op="xor", nodes=(RED, LARGE)),
        FilterNode(op="or", nodes=(RED, FilterNode(key="a"))),
        FilterNode(op="or", nodes=(RED,) * 128),
    ],
)
def test_what_makes_no_sense_is_refused(node: FilterNode) -> None:
    with pytest.raises(BadRequest):
        compile_filter(node)


def test_what_is_too_deep_is_refused() -> None:
    node = RED
    for _ in range(15):
        node = FilterNode(op="not", nodes=(node,))
    assert compile_filter(node)({"colour": "red"}) is False
    with pytest.raises(BadRequest):
        compile_filter(FilterNode(op="not", nodes=(node,)))
