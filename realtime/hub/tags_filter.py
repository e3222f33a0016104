"""Filters over the tags of publications: checked and compiled once, then evaluated purely.

| `cmp`            | passes when the tag `key` ...                                        |
| ---------------- | -------------------------------------------------------------------- |
| eq, neq          | is `val`; is not, or is absent                                       |
| in, nin          | is one of `vals`; is none of them. An absent tag counts as ""        |
| ex, nex          | is there; is not                                                     |
| sw, ew, ct       | is there and begins with `val`, ends with it, contains it            |
| gt, gte, lt, lte | is there and a decimal number that compares so with the number `val` |
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from realtime.errors import BadRequest
from realtime.protocol.messages import FilterNode

Tags = Mapping[str, str]
TagsFilter = Callable[[Tags], bool]
"""Equal filters are the same object, so that what one decided can be used for the others."""

_MAX_NODES = 128
_MAX_DEPTH = 16
"""A filter is evaluated for each publication; these keep that cheap whatever a client sends."""
_CACHED = 1024

_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "sw": str.startswith,
    "ew": str.endswith,
    "ct": str.__contains__,
}
_NUMBERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_DECIMAL = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,19})?")
"""Plain decimals, as far as they compare exactly everywhere."""


def compile_filter(node: FilterNode) -> TagsFilter:
    """What evaluates a filter. Raises BadRequest for one that makes no sense."""
    _check_size(node)
    return _compiled(node)


@functools.lru_cache(maxsize=_CACHED)
def _compiled(node: FilterNode) -> TagsFilter:
    return _compile(node)


def _check_size(root: FilterNode) -> None:
    count, level = 0, [root]
    for _ in range(_MAX_DEPTH):
        count += len(level)
        if count > _MAX_NODES:
            break
        level = [child for node in level for child in node.nodes]
        if not level:
            return
    raise BadRequest("the filter is too large")


def _compile(node: FilterNode) -> TagsFilter:
    if node.op == "":
        return _comparison(node)
    if node.op not in ("and", "or", "not"):
        raise BadRequest(f"no such filter operation: {node.op!r}")
    if not node.nodes or (node.op == "not" and len(node.nodes) != 1):
        raise BadRequest(f"the number of nodes does not fit a filter's {node.op!r}")
    parts = tuple(_compile(child) for child in node.nodes)
    if node.op == "not":
        return lambda tags: not parts[0](tags)
    if node.op == "and":
        return lambda tags: all(part(tags) for part in parts)
    return lambda tags: any(part(tags) for part in parts)


def _comparison(node: FilterNode) -> TagsFilter:
    key, cmp, val = node.key, node.cmp, node.val
    if cmp in ("ex", "nex"):
        if val or node.vals:
            raise BadRequest(f"a filter's {cmp!r} takes no value")
        return (lambda tags: key in tags) if cmp == "ex" else (lambda tags: key not in tags)
    if not key:
        raise BadRequest(f"a filter's {cmp!r} needs a key")
    if cmp in ("in", "nin"):
        if val or not node.vals:
            raise BadRequest(f"a filter's {cmp!r} takes `vals`")
        vals = frozenset(node.vals)
        if cmp == "in":
            return lambda tags: tags.get(key, "") in vals
        return lambda tags: tags.get(key, "") not in vals
    if cmp not in _TEXTS and cmp not in _NUMBERS and cmp != "neq":
        raise BadRequest(f"no such filter comparison: {cmp!r}")
    if node.vals or not val:
        raise BadRequest(f"a filter's {cmp!r} takes `val`")
    if cmp == "neq":
        return lambda tags: tags.get(key) != val
    return _text(key, cmp, val) if cmp in _TEXTS else _number(key, cmp, val)


def _text(key: str, cmp: str, val: str) -> TagsFilter:
    compare = _TEXTS[cmp]

    def passes(tags: Tags) -> bool:
        tag = tags.get(key)
        return tag is not None and compare(tag, val)

    return passes


def _number(key: str, cmp: str, val: str) -> TagsFilter:
    compare, limit = _NUMBERS[cmp], _decimal(val)

    def passes(tags: Tags) -> bool:
        number = _decimal(tags.get(key, ""))
        return number is not None and limit is not None and compare(number, limit)

    return passes


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if _DECIMAL.fullmatch(text) else None
