"""The port to what connects nodes: publications in, publications and their recent history out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from realtime.publication import Append, HistorySlice, Publication, Retention, StreamPosition

Deliver = Callable[[Publication], None]
"""Called on the event loop for each publication on a subscribed channel; must not block."""

Reconnected = Callable[[Collection[str]], None]
"""Called when the broker, or a part of it, was lost and is back: with the channels of that part,
all listened to again. What was published on them meanwhile may have been missed."""


class Publisher(Protocol):
    """The writing side, all that a process without clients needs."""

    async def publish(self, batch: Sequence[Publication]) -> None:
        """Hand over a batch, in order, in one round trip.

        A fact whose offset is not above its channel's newest is dropped silently, so a batch may
        be repeated. A fact of another epoch begins its channel anew. Of several `latest` on one
        channel and key only the last need be delivered. Raises BrokerUnavailable.
        """
        ...


class Broker(Publisher, Protocol):
    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        """Begin. Does not fail when the broker is out of reach: it keeps trying."""
        ...

    async def stop(self) -> None:
        """End; nothing is delivered after it."""
        ...

    async def subscribe(self, channel: str) -> None:
        """Listen: what is published after this returns is delivered. Raises BrokerUnavailable."""
        ...

    async def unsubscribe(self, channel: str) -> None:
        """Stop listening. Never fails: without a connection there is nothing to tell."""
        ...

    async def append(self, append: Append) -> StreamPosition:
        """Put a publication on its channel's stream as a fact, and deliver it, in one round trip.

        It is given `time` as well. The first one of a stream begins a new epoch, at offset 1; so
        does the first after a broker lost its data. Raises BrokerUnavailable: whether it arrived
        is unknown then, so repeat it only with an idempotency key.
        """
        ...

    async def stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        """A page of a stream that `append` made: ascending after `since` or from the oldest kept;
        with `reverse` descending before `since` or from the newest. `limit` 0: the position alone,
        -1: all. A stream that is not there yet is begun, so that it has an epoch. Holes before the
        oldest kept publication are the caller's to see (`HistorySlice.follows`).

        Raises UnrecoverablePosition for a `since` of another epoch ("" is of any epoch),
        BrokerUnavailable.
        """
        ...

    async def clear(self, channel: str) -> None:
        """Drop what a stream holds; its position stays. Raises BrokerUnavailable."""
        ...

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        """The published facts (not the appended) after offset `since` without a hole, at most
        `limit`.

        None when that is not covered: never had, trimmed, expired, lost, or with holes. Says
        nothing of what the journal behind holds. Raises BrokerUnavailable.
        """
        ...

    async def top(self, channel: str) -> StreamPosition | None:
        """The newest published fact's position, None where nothing is held.

        Raises BrokerUnavailable.
        """
        ...

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        """The current `latest` value of each key. Raises BrokerUnavailable."""
        ...
