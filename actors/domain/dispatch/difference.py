"""Where two sequences differ that are mostly the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import is_not
from typing import Any

# Comparing slices is the interpreter's own loop, which passes over the same object at a fraction of
# what looking at each costs; a slice that differs is looked at.
_SLICE = 64
# What is known of so many pairs: of who waits, is free, is busy, of some regions.
_KEPT = 8

_noted: list[tuple[Sequence[Any], Sequence[Any], list[int]]] = []


def note(old: Sequence[Any], new: Sequence[Any], rows: list[int]) -> None:
    """Who made the one of the other knows where they differ: nobody has to look for it.

    Threads may note at once: the list is replaced, never changed, and forgetting is harmless.
    """
    global _noted
    _noted = [(old, new, rows), *_noted[: _KEPT - 1]]


def differing(old: Sequence[Any], new: Sequence[Any]) -> list[int]:
    """The places where they hold different objects, as far as both go; equal ones may be left out.

    Both are lists, or both tuples.
    """
    for before, now, rows in _noted:
        if before is old and now is new:
            return list(rows)
    both = min(len(old), len(new))
    found: list[int] = []
    for begin in range(0, both, _SLICE):
        end = min(begin + _SLICE, both)
        some, others = old[begin:end], new[begin:end]
        if some != others:
            found += compress(range(begin, end), map(is_not, some, others))
    return found
