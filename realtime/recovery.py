"""How a subscriber joins a channel at the right place: no fact lost or doubled on the way.

The joiner may wait for history, and live facts go on meanwhile. So nothing it read is used before
it is compared with where the stream stands *then*, and what was given out meanwhile is taken from
the channel's tail. The last step, from that comparison to the subscription, has no await.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Raw

from realtime.channel import Channel, Subscriber, Subscription
from realtime.errors import HistoryUnavailable, PermissionDenied, UnrecoverablePosition
from realtime.history import HistoryReader
from realtime.metrics import Metrics
from realtime.ports import SubscribeOptions
from realtime.protocol import (
    NO_DATA,
    SUBSCRIBE_FLAG_REJECT_UNRECOVERED,
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.publication import Publication, StreamPosition

_ROUNDS = 20
"""How often a join is begun anew because the stream lost its position under it."""

GiveOut = Callable[[Channel, Iterable[Publication]], None]
Allowed = Callable[[Subscriber, Publication], bool]


class Joiner:
    def __init__(
        self, history: HistoryReader, give_out: GiveOut, allowed: Allowed, metrics: Metrics
    ) -> None:
        self._history = history
        self._give_out = give_out
        self._allowed = allowed
        self._metrics = metrics

    async def join(
        self,
        channel: Channel,
        subscriber: Subscriber,
        request: SubscribeRequest,
        options: SubscribeOptions,
    ) -> tuple[Subscription, SubscribeResult]:
        """The subscription and the reply to it. The caller establishes the one and sends the other
        without an await in between. The channel must be listened to and counted as joined.
        """
        data = subscriber.codec.payload(options.data) if options.data is not None else NO_DATA
        if options.delivery == "fact":
            return await self._join_facts(channel, subscriber, request, options, data)
        result = SubscribeResult(data=data)
        if options.delivery == "latest":
            channel.keyed = True
            values = {**await self._history.latest(channel.name), **channel.fresh}
            result = SubscribeResult(
                data=data, publications=_messages(subscriber, values.values(), with_offset=False)
            )
        return Subscription(subscriber, offset=0, tracked=False, guarded=False), result

    async def _join_facts(
        self,
        channel: Channel,
        subscriber: Subscriber,
        request: SubscribeRequest,
        options: SubscribeOptions,
        data: Raw,
    ) -> tuple[Subscription, SubscribeResult]:
        channel.tracked = True
        recovering = request.recover and options.recoverable
        start = StreamPosition(request.offset, request.epoch) if recovering else None
        missed, position = await self._catch_up(channel, start, options.data_offset)
        recovered = start is not None and missed is not None
        if recovering:
            self._count(recovered)
            if not recovered and request.flag & SUBSCRIBE_FLAG_REJECT_UNRECOVERED:
                raise UnrecoverablePosition(channel.name)
        if missed is None and options.data_offset is not None:
            # Not from where the client was, but from where the data in this reply stands.
            missed, position = await self._catch_up(channel, None, options.data_offset)
            if missed is None:
                raise HistoryUnavailable(f"{channel.name!r} has moved on from its own data")
        # The newest fact decides: an older one may tell of a time when access was different.
        newest = missed[-1] if missed else channel.tail[-1] if channel.tail else None
        if options.guarded and newest is not None and not self._allowed(subscriber, newest):
            raise PermissionDenied(channel.name)
        return (
            Subscription(subscriber, position.offset, tracked=True, guarded=options.guarded),
            SubscribeResult(
                recoverable=options.recoverable,
                positioned=options.positioned or options.recoverable,
                epoch=position.epoch,
                offset=position.offset,
                publications=_messages(subscriber, missed or (), with_offset=True),
                recovered=recovered if recovering else None,
                was_recovering=recovering,
                data=data,
            ),
        )

    def _count(self, recovered: bool) -> None:
        if recovered:
            self._metrics.recoveries_ok += 1
        else:
            self._metrics.recoveries_failed += 1

    async def _catch_up(
        self, channel: Channel, start: StreamPosition | None, data_offset: int | None
    ) -> tuple[tuple[Publication, ...] | None, StreamPosition]:
        """The facts missed since the start (None: it cannot be recovered) and where they end.

        Without a start, it is where the subscriber's data stands, or where the channel does.
        """
        read: tuple[Publication, ...] | None = ()
        top: StreamPosition | None = None
        for _ in range(_ROUNDS):
            position = channel.stream.position or await self._locate(channel)
            if position is None:
                continue
            since = start
            if since is None:
                if data_offset is None:
                    return (), position
                since = StreamPosition(data_offset, position.epoch)
            if since.epoch != position.epoch and not _blank(since):
                return None, position
            if since.offset > position.offset:
                # Ahead of what was delivered here: another node, or the journal, is faster.
                if top is None:
                    top = await self._history.source_top(channel.name)
                    continue
                if top.epoch != position.epoch or top.offset < since.offset:
                    return None, position
                return (), StreamPosition(since.offset, position.epoch)
            missed = _run(since.offset, position.offset, read or (), channel.tail)
            if missed is not None:
                return missed, position
            if read is None:
                return None, position
            read = await self._history.since(
                channel.name, since.offset, position.offset, position.epoch
            )
        raise HistoryUnavailable(f"{channel.name!r} finds no position")

    async def _locate(self, channel: Channel) -> StreamPosition | None:
        """Let a stream without a position find one; None when it has lost it again already."""
        top = await self._history.top(channel.name)
        if channel.stream.position is None:
            self._give_out(channel, channel.stream.locate(top))
        return channel.stream.position


def _blank(position: StreamPosition) -> bool:
    """A client that has seen nothing may name no epoch: it starts before the first fact of any."""
    return position.offset == 0 and not position.epoch


def _run(
    since: int, until: int, read: Iterable[Publication], tail: Iterable[Publication]
) -> tuple[Publication, ...] | None:
    """The facts since+1 ... until out of what was read and what was given out, if all are there."""
    if since == until:
        return ()
    facts = {fact.offset: fact for fact in (*read, *tail)}
    run = [facts[offset] for offset in range(since + 1, until + 1) if offset in facts]
    return tuple(run) if len(run) == until - since else None


def _messages(
    subscriber: Subscriber, publications: Iterable[Publication], with_offset: bool
) -> tuple[PublicationMessage, ...]:
    payload = subscriber.codec.payload
    return tuple(
        PublicationMessage(payload(one.data), one.offset if with_offset else 0)
        for one in publications
    )
