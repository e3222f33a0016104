"""Mappings that know what they were made from: comparing two costs what changed between them.

A region has thousands of units and hundreds of cases; between two decisions a handful of them
changes. What did not change is the same object still, so that what did is found by comparing
objects, not their contents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import compress, filterfalse
from operator import is_not
from typing import Final, TypeVar

T = TypeVar("T")

# Of fewer, to look at each takes less time than to remember what changes: measured, with nine
# changes between two looks, 11 µs instead of 14 at 125 and 18 instead of 23 at 200; with two of
# them 7 instead of 6, and 10 instead of 8.
_FEW: Final = 200
# What changed since the root is looked through at each comparison: beyond that share, all is.
_SHARE: Final = 8


class Kin(dict[str, T]):
    """A mapping that was made from another, its `root`, by changing few keys: `differs` has all
    that may stand for something else there. None: it is a root. Never changed once it is made.
    """

    __slots__ = ("differs", "root")

    root: Mapping[str, T] | None
    differs: tuple[str, ...]


def descended(
    parent: dict[str, T], changes: Mapping[str, T], gone: Collection[str] = ()
) -> dict[str, T]:
    """`parent` with these changes and without these keys; comparing the two costs next to nothing.

    A root has none itself, so that no more than one mapping is kept alive by it.
    """
    if len(parent) < _FEW:
        few = parent.copy()
        few.update(changes)
        for key in gone:
            few.pop(key, None)
        return few
    made = Kin(parent)
    made.update(changes)
    for key in gone:
        made.pop(key, None)
    return _of(parent, made, (*changes, *gone))


def with_entry(parent: dict[str, T], key: str, entry: T) -> dict[str, T]:
    """As above, with one change."""
    if len(parent) < _FEW:
        few = parent.copy()  # copied whole, which a display with `**` is not
        few[key] = entry
        return few
    made = Kin(parent)
    made[key] = entry
    return _of(parent, made, (key,))


def _of(parent: Mapping[str, T], made: Kin[T], differs: tuple[str, ...]) -> Kin[T]:
    made.root, made.differs = parent, differs
    if isinstance(parent, Kin) and parent.root is not None:
        made.root, made.differs = parent.root, parent.differs + differs
        if len(made.differs) > len(made) // _SHARE:
            made.root, made.differs = None, ()
    return made


def changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """The keys that are in one only, or stand for another object."""
    if old is new:
        return []
    if isinstance(new, Kin):
        root, differs = _origin(old)
        new_root, more = _origin(new)
        if root is new_root:
            return [key for key in sorted({*differs, *more}) if old.get(key) is not new.get(key)]
    keys = list(compress(new, map(is_not, map(old.get, new), new.values())))
    if len(old) + sum(key not in old for key in keys) > len(new):
        keys += filterfalse(new.__contains__, old)
    return keys


def _origin(mapping: Mapping[str, object]) -> tuple[Mapping[str, object], tuple[str, ...]]:
    if isinstance(mapping, Kin) and mapping.root is not None:
        return mapping.root, mapping.differs
    return mapping, ()


class Compared:
    """The last two that were compared: those who are free and who are busy are read in turn."""

    __slots__ = ("_keys", "_new", "_old")

    def __init__(self) -> None:
        self._old: Mapping[str, object] = {}
        self._new: Mapping[str, object] = self._old
        self._keys: list[str] = []

    def changed(self, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
        """As above."""
        if self._old is not old or self._new is not new:
            self._old, self._new, self._keys = old, new, changed(old, new)
        return self._keys
