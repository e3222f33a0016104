"""What was made of a dispatcher's state before, and what of it must be made anew.

A state shares with the one before it all that did not change, so that what changed is found by
comparing objects, not their contents.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import compress
from operator import is_not
from typing import Generic, TypeVar

T = TypeVar("T")


def changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """The keys that are in one only, or stand for another object."""
    if old is new:
        return []
    keys = list(compress(new, map(is_not, map(old.get, new), new.values())))
    if len(old) + sum(key not in old for key in keys) > len(new):
        keys += [key for key in old if key not in new]
    return keys


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

    __slots__ = ("_at", "_entries", "_keys", "_shown")

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._keys: list[str] = []
        self._entries: list[T] = []
        self._shown: tuple[T, ...] | None = ()

    def __iter__(self) -> Iterable[str]:
        return iter(self._keys)

    def put(self, key: str, entry: T | None) -> None:
        """What stands for the key from now on; None: nothing."""
        at = self._at.get(key)
        if entry is None:
            if at is not None:
                self._drop(key, at)
        elif at is None:
            self._at[key] = len(self._keys)
            self._keys.append(key)
            self._entries.append(entry)
            self._shown = None
        elif self._entries[at] is not entry:
            self._entries[at] = entry
            self._shown = None

    def keep(self, keys: Container[str]) -> None:
        """Only these, of those that are there."""
        for key in [key for key in self._keys if key not in keys]:
            self._drop(key, self._at[key])

    def entries(self) -> tuple[T, ...]:
        """All of them."""
        if self._shown is None:
            self._shown = tuple(self._entries)
        return self._shown

    def _drop(self, key: str, at: int) -> None:
        last_key, last = self._keys.pop(), self._entries.pop()
        del self._at[key]
        if last_key != key:
            self._keys[at], self._entries[at] = last_key, last
            self._at[last_key] = at
        self._shown = None
