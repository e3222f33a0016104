"""How a subscriber joins a channel at the right place: no fact lost or doubled on the way.

The joiner may wait for history, and live facts go on meanwhile. So nothing it read is used before
it is compared with where the stream stands *then*, and what was given out meanwhile is taken from
the channel's tail. The last step, from that comparison to the subscription, has no await.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Raw

from realtime.errors import (
    BadRequest,
    HistoryUnavailable,
    PermissionDenied,
    UnrecoverablePosition,
)
from realtime.history.reader import HistoryReader
from realtime.hub.channel import Channel, Subscriber, Subscription, keeps_position
from realtime.hub.compression import Deltas, delta_chain
from realtime.hub.tags_filter import TagsFilter, compile_filter
from realtime.metrics import Metrics
from realtime.ports import SubscribeOptions
from realtime.protocol.codec import publication_message
from realtime.protocol.messages import (
    NO_DATA,
    SUBSCRIBE_FLAG_REJECT_UNRECOVERED,
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.publication import Publication, StreamPosition
from realtime.settings import RealtimeSettings

_ROUNDS = 20
"""How often a join is begun anew because the stream lost its position under it."""

GiveOut = Callable[[Channel, Iterable[Publication]], None]
Allowed = Callable[[Subscriber, Publication], bool]
Missed = Sequence[Publication] | None
"""What a subscriber missed, ascending; None: that cannot be had."""


class Joiner:
    def __init__(
        self,
        history: HistoryReader,
        give_out: GiveOut,
        allowed: Allowed,
        deltas: Deltas,
        settings: RealtimeSettings,
        metrics: Metrics,
    ) -> None:
        self._history = history
        self._give_out = give_out
        self._allowed = allowed
        self._deltas = deltas
        self._settings = settings
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

        Raises BadRequest, PermissionDenied, UnrecoverablePosition, HistoryUnavailable,
        BrokerUnavailable, UnencodablePayload.
        """
        data = subscriber.codec.payload(options.data) if options.data is not None else NO_DATA
        tags_filter = _filter(request, options)
        delta = options.delta and request.delta == "fossil"
        position: StreamPosition | None = None
        missed: Missed = ()
        recovered: bool | None = False if request.recover else None
        if options.delivery == "fact":
            channel.tracked = True
            channel.retention = options.retention
            if keeps_position(options):
                missed, position, recovered = await self._place(
                    channel, subscriber, request, options
                )
        elif options.delivery == "latest":
            channel.keyed = True
            missed = [*{**await self._history.latest(channel.name), **channel.fresh}.values()]
        given = [one for one in missed or () if tags_filter is None or tags_filter(one.tags or {})]
        subscription = Subscription(
            subscriber,
            options,
            offset=position.offset if position is not None else 0,
            tags_filter=tags_filter,
            delta=delta,
            base=given[-1] if given and delta else None,
        )
        return subscription, self._result(request, subscription, position, given, recovered, data)

    def _result(
        self,
        request: SubscribeRequest,
        subscription: Subscription,
        position: StreamPosition | None,
        given: Sequence[Publication],
        recovered: bool | None,
        data: Raw,
    ) -> SubscribeResult:
        codec, options = subscription.subscriber.codec, subscription.options
        messages: tuple[PublicationMessage, ...]
        if subscription.delta:
            messages = delta_chain(codec, given, self._deltas.budget())
        else:
            messages = tuple(publication_message(codec, one) for one in given)
        if position is None:
            return SubscribeResult(
                publications=messages,
                recovered=recovered,
                was_recovering=request.recover,
                delta=subscription.delta,
                data=data,
            )
        return SubscribeResult(
            recoverable=options.recoverable,
            positioned=True,
            epoch=position.epoch,
            # SDKs begin at this offset, and each recovered publication moves them on.
            offset=request.offset if recovered and messages else position.offset,
            publications=messages,
            recovered=recovered,
            was_recovering=request.recover,
            delta=subscription.delta,
            data=data,
        )

    async def _place(
        self,
        channel: Channel,
        subscriber: Subscriber,
        request: SubscribeRequest,
        options: SubscribeOptions,
    ) -> tuple[Missed, StreamPosition, bool | None]:
        """What a subscriber gets in its reply, where it stands then, and whether it recovered."""
        recovering = request.recover and options.recoverable
        start = StreamPosition(request.offset, request.epoch) if recovering else None
        if start is not None and options.recovery_mode == "cache":
            missed, position = await self._newest(channel, start, _filter(request, options))
        else:
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
        return missed, position, recovered if request.recover else None

    def _count(self, recovered: bool) -> None:
        if recovered:
            self._metrics.recoveries_ok += 1
        else:
            self._metrics.recoveries_failed += 1

    async def _catch_up(
        self, channel: Channel, start: StreamPosition | None, data_offset: int | None
    ) -> tuple[Missed, StreamPosition]:
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
            if since.epoch != position.epoch and not _any_epoch(since, channel):
                return None, position
            if since.offset > position.offset:
                # Ahead of what was delivered here: another node, or the journal, is faster.
                if top is None:
                    top = await self._history.source_top(channel.name, channel.retention)
                    continue
                if top.epoch != position.epoch or top.offset < since.offset:
                    return None, position
                return (), StreamPosition(since.offset, position.epoch)
            missed = _run(since.offset, position, read or (), channel.tail)
            if missed is not None:
                return missed, position
            if read is None:
                return None, position
            read = await self._history.since(
                channel.name, since.offset, position.offset, position.epoch, channel.retention
            )
        raise HistoryUnavailable(f"{channel.name!r} finds no position")

    async def _newest(
        self, channel: Channel, start: StreamPosition, tags_filter: TagsFilter | None
    ) -> tuple[Missed, StreamPosition]:
        """The newest fact alone (none where the client has it), and where the channel stands.

        None when it is not kept any more: the client may have an older one.
        """
        count = 1 if tags_filter is None else self._settings.recovery_limit
        for _ in range(_ROUNDS):
            before = channel.stream.position or await self._locate(channel)
            if before is None:
                continue
            found = await self._history.last(channel.name, before, count, channel.retention)
            position = channel.stream.position
            if position is None or position.epoch != before.epoch:
                continue
            if found.epoch != position.epoch:
                return None, position  # and the next check of the position will tell everybody
            facts = {
                fact.offset: fact
                for fact in (*found.publications, *channel.tail)
                if fact.epoch == position.epoch
            }
            top = max(position.offset, found.top_offset)
            position = StreamPosition(top, position.epoch)
            if start.offset and start == position:
                return (), position
            if top not in facts:
                return None, position
            passing = [
                facts[offset]
                for offset in sorted(facts)
                if tags_filter is None or tags_filter(facts[offset].tags or {})
            ]
            return passing[-1:], position
        raise HistoryUnavailable(f"{channel.name!r} finds no position")

    async def _locate(self, channel: Channel) -> StreamPosition | None:
        """Let a stream without a position find one; None when it has lost it again already."""
        top = await self._history.top(channel.name, channel.retention)
        if channel.stream.position is None:
            self._give_out(channel, channel.stream.locate(top))
        return channel.stream.position


def _filter(request: SubscribeRequest, options: SubscribeOptions) -> TagsFilter | None:
    if request.tf is None:
        return None
    if not options.tags_filter:
        raise BadRequest("there are no filters for this channel")
    return compile_filter(request.tf)


def _any_epoch(position: StreamPosition, channel: Channel) -> bool:
    """Whether a client that names no epoch is believed to know where it was.

    One that has seen nothing starts before the first fact of any epoch. Streams of the broker may
    be joined by offset alone, as elsewhere; a journal's facts are never guessed.
    """
    return not position.epoch and (not position.offset or channel.retention is not None)


def _run(
    since: int, until: StreamPosition, read: Iterable[Publication], tail: Iterable[Publication]
) -> tuple[Publication, ...] | None:
    """The facts since+1 ... until out of what was read and what was given out, if all are there."""
    if since == until.offset:
        return ()
    facts = {fact.offset: fact for fact in (*read, *tail) if fact.epoch == until.epoch}
    run = [facts[offset] for offset in range(since + 1, until.offset + 1) if offset in facts]
    return tuple(run) if len(run) == until.offset - since else None
