"""A map's compacted log in memory (see `keyed.py`). Pure: no I/O, no clock.

Kept by the memory store, and by each node for the maps that its clients read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from realtime.publication import Publication, StreamPosition


class KeyedLog:
    """`live` and `removed`: the newest change of each key, in the order of offsets."""

    __slots__ = ("_removed_size", "epoch", "floor", "live", "removed", "top")

    def __init__(self, epoch: str, removed_size: int) -> None:
        self.epoch = epoch
        self.top = 0
        self.floor = 0
        self.live: dict[str, Publication] = {}
        self.removed: OrderedDict[str, Publication] = OrderedDict()
        self._removed_size = removed_size

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.top, self.epoch)

    def put(self, change: Publication) -> Publication | None:
        """Take a change with an offset above `top`; returns what it takes the place of."""
        # Out and in again, so that the dicts stay in the order of offsets.
        before = self.live.pop(change.key, None) or self.removed.pop(change.key, None)
        self.top = change.offset
        if not change.key:
            return None  # the beginning of the map, no key of it
        if change.removed:
            self.removed[change.key] = change
            self.retain(self._removed_size)
        else:
            self.live[change.key] = change
        return before

    def retain(self, removed_size: int) -> None:
        """Remember at most so many removals, from now on."""
        self._removed_size = removed_size
        while len(self.removed) > removed_size:
            self.floor = self.removed.popitem(last=False)[1].offset

    def covers(self, offset: int) -> bool:
        """Whether who stands at `offset` is told everything by the changes above it."""
        return offset == 0 or self.floor <= offset <= self.top

    def above(self, offset: int) -> list[Publication]:
        """The changes above an offset, ascending. Costs as much as there are."""
        found = [*_above(self.live, offset), *_above(self.removed, offset)]
        found.sort(key=_offset)
        return found


def _above(changes: dict[str, Publication], offset: int) -> Iterator[Publication]:
    for change in reversed(changes.values()):
        if change.offset <= offset:
            return
        yield change


def _offset(change: Publication) -> int:
    return change.offset
