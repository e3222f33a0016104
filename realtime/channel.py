"""A channel as one node sees it: who is here, where its stream stands, who is joining."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from realtime.codec import Codec
from realtime.codes import Disconnect, Unsubscribe
from realtime.ports import Identity
from realtime.publication import Publication
from realtime.stream import Stream
from realtime.wheel import Timer


class Subscriber(Protocol):
    """One connection, as the hub sees it. None of these block or call back into the hub at once."""

    @property
    def identity(self) -> Identity: ...

    @property
    def codec(self) -> Codec: ...

    def push(self, frame: bytes) -> None:
        """Queue a frame."""
        ...

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        """The hub has ended a subscription; tell the client."""
        ...

    def close(self, why: Disconnect) -> None:
        """End the connection."""
        ...


class Subscription:
    """An established subscription. `offset`: the last fact given; facts up to it are skipped."""

    __slots__ = ("guarded", "offset", "subscriber", "tracked", "ward")

    def __init__(self, subscriber: Subscriber, offset: int, tracked: bool, guarded: bool) -> None:
        self.subscriber = subscriber
        self.offset = offset
        self.tracked = tracked
        self.guarded = guarded
        self.ward: Ward | None = None


class Ward:
    """Stands on a guard channel for a subscription elsewhere, and ends it when the guard says so.

    A Subscriber that is given nothing: what is pushed to it is only what the policy was asked
    about. `ended` is called at most once, with the reason.
    """

    __slots__ = ("_ended", "codec", "guard", "identity", "why")

    def __init__(
        self, subscriber: Subscriber, guard: str, ended: Callable[[Unsubscribe], None]
    ) -> None:
        self.identity = subscriber.identity
        self.codec = subscriber.codec
        self.guard = guard
        self.why: Unsubscribe | None = None
        self._ended = ended

    def push(self, frame: bytes) -> None:
        """Nothing to give."""

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        self.why = why
        self._ended(why)

    def close(self, why: Disconnect) -> None:
        """A guard's fact that the subscriber's format cannot carry says nothing about access."""


class Channel:
    """`joining` counts the subscribes in flight. While there are any, `tail` collects the facts
    that were given out and `fresh` the newest values received, so that what a joiner reads from
    history or from the broker can be completed without a window in which something is lost.

    `tracked`: some subscriber here is owed every fact, so the stream's position is kept.
    """

    __slots__ = (
        "checks",
        "filling",
        "fresh",
        "joining",
        "keyed",
        "listening",
        "name",
        "stream",
        "subscriptions",
        "tail",
        "timer",
        "tracked",
    )

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.subscriptions: dict[Subscriber, Subscription] = {}
        self.stream = Stream(limit)
        self.tracked = False
        self.keyed = False
        self.joining = 0
        self.tail: deque[Publication] = deque(maxlen=limit)
        self.fresh: dict[str, Publication] = {}
        self.listening: asyncio.Task[None] | None = None
        self.filling = False
        self.checks = 0
        self.timer: Timer | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody here needs it."""
        return not self.subscriptions and not self.joining

    @property
    def settled(self) -> bool:
        """Whether its stream knows its position and nothing is being done about it."""
        return self.stream.position is not None and not self.filling

    def joined(self) -> None:
        """A subscribe came to its end, one way or the other."""
        self.joining -= 1
        if not self.joining:
            self.tail.clear()
            self.fresh.clear()
            if not self.tracked:
                self.stream.forget()
