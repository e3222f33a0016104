"""The appended streams of one process: what `MemoryBroker` counts by itself.

Synchronous, so that what happens to a stream happens in one step, as in a script on Redis.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from itertools import islice

from realtime.broker.epoch import new_epoch
from realtime.clock import Clock
from realtime.errors import UnrecoverablePosition
from realtime.publication import Append, HistorySlice, Publication, Retention, StreamPosition


class _Stream:
    """`kept` holds the newest publications without a hole and is dropped at `kept_until`; the rest
    is forgotten at `known_until`."""

    __slots__ = ("epoch", "kept", "kept_until", "known_until", "look_at", "top")

    def __init__(self) -> None:
        self.epoch = new_epoch()
        self.top = 0
        self.kept: deque[Publication] = deque()
        self.kept_until = 0.0
        self.known_until = 0.0
        self.look_at = math.inf

    def after(self, offset: int, limit: int | None) -> tuple[Publication, ...]:
        """Ascending."""
        start = min(max(0, offset - self.top + len(self.kept)), len(self.kept))
        return tuple(islice(self.kept, start, None if limit is None else start + limit))

    def before(self, offset: int, limit: int | None) -> tuple[Publication, ...]:
        """Descending."""
        start = max(0, self.top - offset + 1)
        return tuple(islice(reversed(self.kept), start, None if limit is None else start + limit))


class AppendedStreams:
    def __init__(self, clock: Clock, idempotency_ttl_s: float) -> None:
        self._clock = clock
        self._idempotency_ttl_s = idempotency_ttl_s
        self._streams: dict[str, _Stream] = {}
        self._answers: OrderedDict[tuple[str, str], tuple[float, StreamPosition]] = OrderedDict()
        self._looks: list[tuple[float, str]] = []
        """When to look at a stream for what has expired, the soonest first."""

    def append(self, append: Append) -> tuple[StreamPosition, Publication | None]:
        """The position, and the publication unless it is a repeat."""
        now = self._expire()
        name = (append.channel, append.idempotency_key)
        if append.idempotency_key and name in self._answers:
            return self._answers[name][1], None
        stream = self._known(append.channel, append.retention, now)
        stream.top += 1
        publication = Publication(
            append.channel,
            append.data,
            stream.top,
            stream.epoch,
            info=append.info,
            tags=append.tags,
            time=int(self._clock.now() * 1000),
            whole=append.whole,
        )
        stream.kept.append(publication)
        while len(stream.kept) > append.retention.size:
            stream.kept.popleft()
        stream.kept_until = now + append.retention.ttl_s
        self._look(append.channel, stream, stream.kept_until)
        position = StreamPosition(stream.top, stream.epoch)
        if append.idempotency_key:
            self._answers[name] = (now + self._idempotency_ttl_s, position)
        return position, publication

    def page(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool,
    ) -> HistorySlice:
        """See `broker.Broker.stream`."""
        stream = self._known(channel, retention, self._expire())
        if since is not None and since.epoch not in ("", stream.epoch):
            raise UnrecoverablePosition(channel)
        count = None if limit < 0 else limit
        if reverse:
            page = stream.before(since.offset if since else stream.top + 1, count)
        else:
            page = stream.after(since.offset if since else 0, count)
        return HistorySlice(page, stream.top, stream.epoch)

    def clear(self, channel: str) -> None:
        self._expire()
        if channel in self._streams:
            self._streams[channel].kept.clear()

    def forget(self) -> None:
        self._streams.clear()
        self._answers.clear()
        self._looks.clear()

    def _known(self, channel: str, retention: Retention, now: float) -> _Stream:
        """The stream, begun where there is none, and known for another period."""
        stream = self._streams.get(channel)
        if stream is None:
            stream = self._streams[channel] = _Stream()
        stream.known_until = now + retention.meta_ttl_s if retention.meta_ttl_s else math.inf
        self._look(channel, stream, stream.known_until)
        return stream

    def _look(self, channel: str, stream: _Stream, at: float) -> None:
        if at < stream.look_at:
            stream.look_at = at
            heapq.heappush(self._looks, (at, channel))

    def _expire(self) -> float:
        """Drop what is over, and say what time it is."""
        now = self._clock.monotonic()
        while self._answers and next(iter(self._answers.values()))[0] <= now:
            self._answers.popitem(last=False)
        while self._looks and self._looks[0][0] <= now:
            at, channel = heapq.heappop(self._looks)
            stream = self._streams.get(channel)
            if stream is None or stream.look_at != at:
                continue  # a sooner look has seen to it
            if stream.known_until <= now:
                del self._streams[channel]
                continue
            stream.look_at = math.inf
            if stream.kept_until <= now:
                stream.kept.clear()
            else:
                self._look(channel, stream, stream.kept_until)
            self._look(channel, stream, stream.known_until)
        return now
