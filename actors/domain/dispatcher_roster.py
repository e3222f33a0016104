"""What was made of a dispatcher's state before, and what of it must be made anew.

A state shares with the one before it all that did not change, so that what changed is found by
comparing objects, not their contents.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from itertools import compress
from operator import is_not
from typing import Generic, TypeVar

from actors.domain.dispatch.difference import note

T = TypeVar("T")

# Of so few, each is looked at sooner than it is found what has changed.
_FEW = 64
# What changed since the root is looked through at each comparison: beyond that share, all is.
_SHARE = 8


class Kin(dict[str, T]):
    """A mapping that was made from another, its `root`, by changing few keys: `differs` has all
    that may stand for something else there. None: it is a root. Never changed once it is made.
    """

    __slots__ = ("differs", "root")

    root: Mapping[str, T] | None
    differs: tuple[str, ...]


def descended(
    parent: Mapping[str, T], changes: Mapping[str, T], gone: Collection[str] = ()
) -> dict[str, T]:
    """`parent` with these changes and without these keys; comparing the two costs next to nothing.

    A root has none itself, so that no more than one mapping is kept alive by it.
    """
    if len(parent) < _FEW:
        few = {**parent, **changes}
        for key in gone:
            few.pop(key, None)
        return few
    made = Kin(parent)
    made.update(changes)
    for key in gone:
        made.pop(key, None)
    made.root, made.differs = parent, (*changes, *gone)
    if isinstance(parent, Kin) and parent.root is not None:
        made.root, made.differs = parent.root, parent.differs + made.differs
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
        keys += [key for key in old if key not in new]
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


class Roster(Generic[T]):
    """Entries by key, whose tuple stays the same object until one is another.

    Entries keep their places, but for the last, which takes that of one that goes: who compares two
    tuples place by place finds little that differs.
    """

    __slots__ = ("_at", "_changed", "_entries", "_keys", "_shown", "_stale")

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._keys: list[str] = []
        self._entries: list[T] = []
        self._shown: tuple[T, ...] = ()
        self._stale = False
        self._changed: set[int] = set()  # places, since it was shown

    def __iter__(self) -> Iterable[str]:
        return iter(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._at

    def put(self, key: str, entry: T | None) -> None:
        """What stands for the key from now on; None: nothing."""
        at = self._at.get(key)
        if entry is None:
            if at is not None:
                self._drop(key, at)
        elif at is None:
            self._touch(len(self._keys))
            self._at[key] = len(self._keys)
            self._keys.append(key)
            self._entries.append(entry)
        elif self._entries[at] is not entry:
            self._entries[at] = entry
            self._touch(at)

    def keep(self, keys: Container[str]) -> None:
        """Only these, of those that are there."""
        for key in [key for key in self._keys if key not in keys]:
            self._drop(key, self._at[key])

    def entries(self) -> tuple[T, ...]:
        """All of them."""
        if self._stale:
            before, self._shown = self._shown, tuple(self._entries)
            both = min(len(before), len(self._shown))
            if both >= _FEW:
                note(before, self._shown, sorted(at for at in self._changed if at < both))
            self._stale = False
            self._changed = set()
        return self._shown

    def _touch(self, at: int) -> None:
        self._stale = True
        self._changed.add(at)

    def _drop(self, key: str, at: int) -> None:
        last_key, last = self._keys.pop(), self._entries.pop()
        del self._at[key]
        if last_key != key:
            self._keys[at], self._entries[at] = last_key, last
            self._at[last_key] = at
        self._touch(at)
