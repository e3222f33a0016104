"""A channel as one node sees it: who is here, where its stream stands, who is joining."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from realtime.codes import Disconnect, Unsubscribe
from realtime.history.stream import Stream
from realtime.hub.tags_filter import TagsFilter
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.codec import Codec
from realtime.publication import Publication, Retention
from realtime.transport.message import Message
from realtime.wheel import Timer


class Subscriber(Protocol):
    """One connection, as the hub sees it. None of these block or call back into the hub at once."""

    @property
    def identity(self) -> Identity: ...

    @property
    def codec(self) -> Codec: ...

    def deliver(self, message: Message) -> None:
        """Queue a message that others are given, too."""
        ...

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        """The hub has ended a subscription; tell the client."""
        ...

    def close(self, why: Disconnect) -> None:
        """End the connection."""
        ...


class Subscription:
    """An established subscription.

    `tracked`: it is given the channel's facts in order and once; `offset`: the last one given,
    facts up to it are skipped. `positioned`: it is told when one of them cannot be had; others
    then go on with the next. `by_server`: the client did not ask for it, and cannot ask again.

    `plain`: it takes every publication, whole, and nobody is asked about it. What is not plain:
    `guarded` (see SubscribeOptions), `announce` (joins and leaves, too), `tags_filter` (only those
    that pass) and `delta`: deltas against `base`, the publication it was given last.
    """

    __slots__ = (
        "announce",
        "base",
        "by_server",
        "delta",
        "guarded",
        "offset",
        "options",
        "plain",
        "positioned",
        "subscriber",
        "tags_filter",
        "tracked",
        "ward",
    )

    def __init__(
        self,
        subscriber: Subscriber,
        options: SubscribeOptions,
        *,
        offset: int = 0,
        tags_filter: TagsFilter | None = None,
        delta: bool = False,
        base: Publication | None = None,
    ) -> None:
        self.subscriber = subscriber
        self.options = options
        self.offset = offset
        self.tracked = options.delivery == "fact"
        self.positioned = self.tracked and keeps_position(options)
        self.guarded = options.guarded
        self.announce = options.push_join_leave
        self.tags_filter = tags_filter
        self.delta = delta
        self.base = base
        self.plain = not (self.guarded or self.announce or delta or tags_filter is not None)
        self.by_server = False
        self.ward: Ward | None = None


def keeps_position(options: SubscribeOptions) -> bool:
    """Whether a subscriber is owed every fact, or to be told."""
    return (
        options.positioned
        or options.recoverable
        or options.guarded
        or options.data_offset is not None
    )


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

    def deliver(self, message: Message) -> None:
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

    `tracked`: its facts go through the stream, which keeps them in order; `positioned` counts the
    subscriptions that are owed every one of them, the others (`loose`) begin where they happen to.
    `guarded` counts those who are asked about before each fact.
    `retention`: of a channel whose facts are kept by the broker alone. `doubtful`: its position is
    to be compared with the source's, and has not been.
    """

    __slots__ = (
        "checks",
        "doubtful",
        "filling",
        "fresh",
        "guarded",
        "joining",
        "keyed",
        "listening",
        "loose",
        "name",
        "positioned",
        "retention",
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
        self.positioned = 0
        self.guarded = 0
        self.loose = 0
        self.keyed = False
        self.retention: Retention | None = None
        self.joining = 0
        self.tail: deque[Publication] = deque(maxlen=limit)
        self.fresh: dict[str, Publication] = {}
        self.listening: asyncio.Task[None] | None = None
        self.filling = False
        self.checks = 0
        self.doubtful = False
        self.timer: Timer | None = None

    def add(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Establish a subscription."""
        self.subscriptions[subscriber] = subscription
        self._count(subscription, 1)

    def remove(self, subscriber: Subscriber) -> Subscription | None:
        """End a subscription; None where there was none."""
        subscription = self.subscriptions.pop(subscriber, None)
        if subscription is not None:
            self._count(subscription, -1)
        return subscription

    def _count(self, subscription: Subscription, one: int) -> None:
        if subscription.guarded:
            self.guarded += one
        if subscription.positioned:
            self.positioned += one
        elif subscription.tracked:
            self.loose += one

    @property
    def idle(self) -> bool:
        """Whether nobody here needs it."""
        return not self.subscriptions and not self.joining

    @property
    def owing(self) -> bool:
        """Whether somebody here is owed every fact, or may turn out to be."""
        return self.positioned > 0 or self.joining > 0

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
