"""Pages of a channel's history, whoever counts it: the broker or the journal behind it."""

from __future__ import annotations

from realtime.broker.broker import Broker
from realtime.errors import UnrecoverablePosition
from realtime.history.reader import HistoryReader
from realtime.publication import HistorySlice, Retention, StreamPosition


class Archive:
    def __init__(self, broker: Broker, history: HistoryReader) -> None:
        self._broker = broker
        self._history = history

    async def page(
        self,
        channel: str,
        retention: Retention | None,
        since: StreamPosition | None,
        limit: int,
        reverse: bool,
    ) -> HistorySlice:
        """Publications after `since` or from the oldest; with `reverse` descending, before `since`
        or from the newest. At most `limit`; 0 asks for the position alone. `retention` None: a
        channel of the journal.

        Raises UnrecoverablePosition for a `since` of another epoch, HistoryUnavailable,
        BrokerUnavailable.
        """
        if retention is not None:
            return await self._broker.stream(channel, since, limit, retention, reverse)
        if reverse:
            return await self._backwards(channel, since, limit)
        offset = since.offset if since is not None else 0
        return _checked(await self._history.page(channel, offset, limit), since)

    async def _backwards(
        self, channel: str, since: StreamPosition | None, limit: int
    ) -> HistorySlice:
        """A journal's offsets have no holes, so the page before any of them is known."""
        top = _checked(await self._history.page(channel, 0, 0), since)
        end = top.top_offset if since is None else min(since.offset - 1, top.top_offset)
        start = max(0, end - limit)
        if end <= start:
            return top
        found = _checked(await self._history.page(channel, start, end - start), since)
        return HistorySlice(found.publications[::-1], found.top_offset, found.epoch)


def _checked(found: HistorySlice, since: StreamPosition | None) -> HistorySlice:
    if since is not None and since.epoch not in ("", found.epoch):
        raise UnrecoverablePosition(found.epoch)
    return found
