"""What stands for each of many in a region, kept as what changed is put in.

It is held against what stood before by identity: what did not change is the same object still.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, Generic, TypeVar

from actors.domain.dispatch.difference import note

T = TypeVar("T")

# Of so few, each is looked at sooner than it is found what has changed.
_FEW: Final = 64


class Roster(Generic[T]):
    """Entries by key, whose tuple stays the same object until one is another.

    Entries keep their places, but for the last, which takes that of one that goes: who compares two
    tuples place by place finds little that differs.
    """

    __slots__ = ("_at", "_changed", "_entries", "_keys", "_shown")

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._keys: list[str] = []
        self._entries: list[T] = []
        self._shown: tuple[T, ...] = ()
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
            self._changed.add(len(self._keys))
            self._at[key] = len(self._keys)
            self._keys.append(key)
            self._entries.append(entry)
        elif self._entries[at] is not entry:
            self._entries[at] = entry
            self._changed.add(at)

    def keep(self, keys: Container[str]) -> None:
        """Only these, of those that are there."""
        for key in [key for key in self._keys if key not in keys]:
            self._drop(key, self._at[key])

    def entries(self) -> tuple[T, ...]:
        """All of them."""
        if self._changed:
            before, self._shown = self._shown, tuple(self._entries)
            both = min(len(before), len(self._shown))
            if both >= _FEW:
                note(before, self._shown, sorted(at for at in self._changed if at < both))
            self._changed = set()
        return self._shown

    def _drop(self, key: str, at: int) -> None:
        last_key, last = self._keys.pop(), self._entries.pop()
        del self._at[key]
        if last_key != key:
            self._keys[at], self._entries[at] = last_key, last
            self._at[last_key] = at
        self._changed.add(at)
