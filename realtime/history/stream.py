"""Where a channel stands in its stream of facts. Pure: no I/O, no clock.

The rules, for a fact of offset n when the stream stands at s:

| n       | what                                                            |
| ------- | --------------------------------------------------------------- |
| <= s    | a duplicate: dropped                                            |
| s + 1   | ready; and after it whatever was held and now connects          |
| > s + 1 | held until the hole before it is filled, or the position is lost |

A stream without a position holds everything until it is told where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from realtime.publication import Publication, StreamPosition


class Stream:
    __slots__ = ("_held", "_limit", "position")

    def __init__(self, limit: int) -> None:
        """`limit`: how many facts are held at most. Over it the oldest go; history has them."""
        self.position: StreamPosition | None = None
        self._held: dict[int, Publication] = {}
        self._limit = limit

    @property
    def gap(self) -> bool:
        """Whether facts are held behind a hole."""
        return self.position is not None and bool(self._held)

    @property
    def gap_end(self) -> int:
        """The last offset of the hole; the stream's own when there is none."""
        assert self.position is not None
        return min(self._held) - 1 if self._held else self.position.offset

    def foreign(self, fact: Publication) -> bool:
        """Whether the fact belongs to another epoch than the stream."""
        return self.position is not None and self.position.epoch != fact.epoch

    def receive(self, fact: Publication) -> list[Publication]:
        """Take a live fact of this epoch; returns what is ready now, in order."""
        if self.position is not None and fact.offset <= self.position.offset:
            return []
        self._held[fact.offset] = fact
        if self.position is not None and fact.offset == self.position.offset + 1:
            return self._release()
        if len(self._held) > self._limit:
            del self._held[min(self._held)]
        return []

    def fill(self, facts: Iterable[Publication]) -> list[Publication]:
        """Take facts read from history, ascending; returns what is ready now, in order."""
        if self.position is None:
            return []
        for fact in facts:
            if fact.offset > self.position.offset and fact.epoch == self.position.epoch:
                self._held[fact.offset] = fact
        return self._release()

    def locate(self, position: StreamPosition) -> list[Publication]:
        """Begin at a position; returns what was held and follows it."""
        self.position = position
        self._held = {
            offset: fact
            for offset, fact in self._held.items()
            if offset > position.offset and fact.epoch == position.epoch
        }
        return self._release()

    def forget(self) -> None:
        """Lose the position, and what is held with it."""
        self.position = None
        self._held.clear()

    def abandon(self) -> list[Publication]:
        """Lose the position; returns what was held, in order, whatever is missing between."""
        held = [self._held[offset] for offset in sorted(self._held)]
        self.forget()
        return held

    def _release(self) -> list[Publication]:
        assert self.position is not None
        offset, ready = self.position.offset, []
        while (fact := self._held.pop(offset + 1, None)) is not None:
            ready.append(fact)
            offset += 1
        if ready:
            self.position = StreamPosition(offset, self.position.epoch)
        return ready
