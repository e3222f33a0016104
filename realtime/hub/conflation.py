"""Newest wins: `latest` publications between two ticks are replaced by key before any encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from realtime.publication import Publication
from realtime.wheel import TimerWheel


class Conflator:
    """One for all channels of a node, so that all of them leave on the same tick."""

    def __init__(
        self, wheel: TimerWheel, interval_s: float, emit: Callable[[Publication], None]
    ) -> None:
        self._wheel = wheel
        self._interval_s = interval_s
        self._emit = emit
        self._waiting: dict[tuple[str, str], Publication] = {}

    def offer(self, publication: Publication) -> None:
        """Take a value; it leaves within the interval, unless a newer one takes its place."""
        if not self._waiting:
            self._wheel.after(self._interval_s, self.flush)
        self._waiting[publication.channel, publication.key] = publication

    def offer_missed(self, publications: Iterable[Publication]) -> None:
        """Take values that were read, not received: what is waiting already is newer."""
        for publication in publications:
            if (publication.channel, publication.key) not in self._waiting:
                self.offer(publication)

    def flush(self) -> None:
        """Let out what waits."""
        waiting, self._waiting = self._waiting, {}
        for publication in waiting.values():
            self._emit(publication)
