"""The port to what connects nodes: publications in, publications and their recent history out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from realtime.publication import HistorySlice, Publication, StreamPosition

Deliver = Callable[[Publication], None]
"""Called on the event loop for each publication on a subscribed channel; must not block."""

Reconnected = Callable[[], None]
"""Called when the broker was lost and is back, all channels listened to again. What was published
meanwhile may have been missed."""


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

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        """The facts after offset `since` without a hole, at most `limit`.

        None when that is not covered: never had, trimmed, expired, lost, or with holes. Says
        nothing of what the journal behind holds. Raises BrokerUnavailable.
        """
        ...

    async def top(self, channel: str) -> StreamPosition | None:
        """The newest fact's position, None where nothing is held. Raises BrokerUnavailable."""
        ...

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        """The current `latest` value of each key. Raises BrokerUnavailable."""
        ...
