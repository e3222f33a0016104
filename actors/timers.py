"""Which entity wakes when: a heap in memory over deadlines that are durable in PostgreSQL."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class Timers:
    """Deadlines of one shard's entities; a changed or cleared one is skipped when it surfaces."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def set(self, ref: str, due: float | None) -> None:
        """Arm, move or (None) clear the deadline of an entity."""
        if due is None:
            self._due.pop(ref, None)
        elif self._due.get(ref) != due:
            self._due[ref] = due
            heapq.heappush(self._heap, (due, ref))

    def pop_due(self, now: float) -> Iterable[str]:
        """Entities whose time has come; each is disarmed as it is handed out."""
        while self._heap and self._heap[0][0] <= now:
            due, ref = heapq.heappop(self._heap)
            if self._due.get(ref) == due:
                del self._due[ref]
                yield ref
