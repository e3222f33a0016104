"""The hub: from the broker's publications to the subscribers of this node, nothing lost or doubled.

Each decision about a channel is made synchronously between two awaits, on what is true then; after
every await the question is asked anew. That is what keeps recovery and live delivery without a
window between them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine, Iterable
from typing import Any

from realtime.broker import Broker
from realtime.channel import Channel, Subscriber, Ward
from realtime.clock import Clock
from realtime.codec import Codec
from realtime.codes import (
    DISCONNECT_INAPPROPRIATE_PROTOCOL,
    UNSUBSCRIBE_INSUFFICIENT_STATE,
    UNSUBSCRIBE_SERVER,
    Unsubscribe,
)
from realtime.conflation import Conflator
from realtime.errors import (
    BrokerUnavailable,
    HistoryUnavailable,
    PermissionDenied,
    UnencodablePayload,
)
from realtime.history import HistoryReader, mark_seen
from realtime.metrics import Metrics
from realtime.ports import ChannelPolicy, SubscribeOptions
from realtime.protocol import SubscribeRequest, SubscribeResult
from realtime.publication import Publication
from realtime.recovery import Joiner
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel

log = logging.getLogger(__name__)


class Hub:
    def __init__(
        self,
        broker: Broker,
        history: HistoryReader,
        policy: ChannelPolicy,
        settings: RealtimeSettings,
        clock: Clock,
        wheel: TimerWheel,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._history = history
        self._policy = policy
        self._settings = settings
        self._clock = clock
        self._wheel = wheel
        self._metrics = metrics
        self._channels: dict[str, Channel] = {}
        self._conflator = Conflator(wheel, settings.conflation_interval_s, self._emit_latest)
        self._joiner = Joiner(history, self._give_out, self._allowed, metrics)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(settings.concurrent_checks)

    async def start(self) -> None:
        await self._broker.start(self._receive, self._reconnected)

    async def stop(self) -> None:
        """Ends all work of the hub; its subscribers must be gone."""
        tasks = list(self._tasks)
        tasks += [channel.listening for channel in self._channels.values() if channel.listening]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels.values():
            if channel.timer is not None:
                channel.timer.cancel()
        await self._broker.stop()

    # Subscribers come and go.

    async def subscribe(self, subscriber: Subscriber, request: SubscribeRequest) -> SubscribeResult:
        """Join a channel. From the moment this returns, publications are pushed to the subscriber.

        Await it directly and queue the reply at once: then no push can leave before the reply.
        Raises what the policy raises, UnrecoverablePosition, BrokerUnavailable, HistoryUnavailable.
        """
        channel = self._open(request.channel)
        channel.joining += 1
        ward: Ward | None = None
        try:
            # Listened to before the policy is asked: a change of access that is published while it
            # decides then stands in the tail and is seen (see Joiner).
            await self._listen(channel)
            options = await self._policy.subscribe(subscriber.identity, channel.name)
            if options.guard is not None:
                ward = await self._post(subscriber, channel.name, options.guard)
                # Once more, for access may have changed before the ward was there to see it.
                options = await self._policy.subscribe(subscriber.identity, channel.name)
            subscription, result = await self._joiner.join(channel, subscriber, request, options)
            if ward is not None and ward.why is not None:
                raise PermissionDenied(channel.name)
            subscription.ward, ward = ward, None
            channel.subscriptions[subscriber] = subscription
            self._metrics.subscriptions += 1
            if subscription.tracked and channel.timer is None:
                self._schedule_check(channel)
            return result
        finally:
            if ward is not None:
                self._dismiss(ward)
            channel.joined()
            self._linger(channel)

    async def _post(self, subscriber: Subscriber, name: str, guard: str) -> Ward:
        """Put a ward for a subscription to `name` on its guard channel."""
        channel = self._open(guard)
        channel.joining += 1
        try:
            await self._listen(channel)
            ward = Ward(subscriber, guard, lambda why: self._leave(subscriber, name, why))
            # The policy has just decided on what it knows: only what is news after that counts.
            subscription, _ = await self._joiner.join(
                channel,
                ward,
                SubscribeRequest(channel=guard),
                SubscribeOptions(delivery="fact", guarded=True),
            )
            channel.subscriptions[ward] = subscription
            if channel.timer is None:
                self._schedule_check(channel)
            return ward
        finally:
            channel.joined()
            self._linger(channel)

    def _dismiss(self, ward: Ward) -> None:
        channel = self._channels.get(ward.guard)
        if channel is not None and channel.subscriptions.pop(ward, None) is not None:
            self._linger(channel)

    def _leave(self, subscriber: Subscriber, name: str, why: Unsubscribe) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            self._end(channel, subscriber, why)

    def unsubscribe(self, subscriber: Subscriber, name: str) -> bool:
        """Leave a channel; nothing is pushed after it. Whether there was a subscription."""
        channel = self._channels.get(name)
        if channel is None or (left := channel.subscriptions.pop(subscriber, None)) is None:
            return False
        if left.ward is not None:
            self._dismiss(left.ward)
        self._metrics.subscriptions -= 1
        self._linger(channel)
        return True

    def keeps_history(self, name: str) -> bool:
        """Whether a subscribed channel has a history to ask for."""
        channel = self._channels.get(name)
        return channel is not None and channel.tracked

    # Publications come in.

    def _receive(self, publication: Publication) -> None:
        channel = self._channels.get(publication.channel)
        if channel is None:
            return
        self._metrics.publications += 1
        if publication.delivery == "fact":
            self._receive_fact(channel, publication)
        elif publication.delivery == "latest":
            if channel.joining:
                channel.fresh[publication.key] = publication
            self._conflator.offer(publication)
        else:
            self._fan_out(channel, publication)

    def _receive_fact(self, channel: Channel, fact: Publication) -> None:
        stream = channel.stream
        if not channel.tracked:
            self._fan_out(channel, fact)
            if not channel.joining:
                return  # nobody here is owed facts; a joiner may turn out to be
        if stream.foreign(fact):
            log.warning("channel %r goes on under another epoch", channel.name)
            self._lose_position(channel)
        elif stream.position is not None and fact.offset <= stream.position.offset:
            self._metrics.duplicates_dropped += 1
            return
        self._give_out(channel, stream.receive(fact))

    def _give_out(self, channel: Channel, facts: Iterable[Publication]) -> None:
        """Facts that are ready, in order, to all who are subscribed; then see to what is held."""
        for fact in facts:
            if channel.joining:
                channel.tail.append(fact)
            self._fan_out(channel, fact)
        if channel.stream.gap and not channel.filling:
            self._fill(channel)

    def _emit_latest(self, publication: Publication) -> None:
        channel = self._channels.get(publication.channel)
        if channel is not None:
            self._fan_out(channel, publication)

    def _fan_out(self, channel: Channel, publication: Publication) -> None:
        """Push to every subscription; one encoding a format, the same bytes for all."""
        frames: dict[Codec, bytes] = {}
        offset = publication.offset
        revoked: list[Subscriber] = []
        unfit: list[Subscriber] = []
        for subscriber, subscription in channel.subscriptions.items():
            if offset and subscription.tracked:
                if offset <= subscription.offset:
                    continue
                if subscription.guarded and not self._allowed(subscriber, publication):
                    revoked.append(subscriber)
                    continue
                subscription.offset = offset
            codec = subscriber.codec
            frame = frames.get(codec)
            if frame is None:
                try:
                    frame = frames[codec] = codec.publication(publication)
                except UnencodablePayload:
                    unfit.append(subscriber)
                    continue
            subscriber.push(frame)
        for subscriber in revoked:
            self._metrics.revocations += 1
            self._end(channel, subscriber, UNSUBSCRIBE_SERVER)
        if unfit:
            log.error("a publication on %r is not fit for its readers' format", channel.name)
            self._metrics.unencodable_payloads += 1
        for subscriber in unfit:
            subscriber.close(DISCONNECT_INAPPROPRIATE_PROTOCOL)

    def _allowed(self, subscriber: Subscriber, fact: Publication) -> bool:
        """Ask the policy about one fact. When in doubt: no."""
        try:
            return self._policy.still_allowed(subscriber.identity, fact.channel, fact.data)
        except Exception:
            log.exception("the policy failed on a fact of %r", fact.channel)
            return False

    def _end(self, channel: Channel, subscriber: Subscriber, why: Unsubscribe) -> None:
        if isinstance(subscriber, Ward):
            self._dismiss(subscriber)
            subscriber.unsubscribed(channel.name, why)
        elif self.unsubscribe(subscriber, channel.name):
            subscriber.unsubscribed(channel.name, why)

    # Holes are found and filled.

    def _fill(self, channel: Channel, reach: int = 0) -> None:
        """Read what is missing, up to `reach` and to what is held; in the background."""
        channel.filling = True
        self._metrics.gaps_found += 1
        self._spawn(self._fill_until_whole(channel, reach))

    async def _fill_until_whole(self, channel: Channel, reach: int) -> None:
        stream = channel.stream
        try:
            while (position := stream.position) is not None:
                until = max(reach, stream.gap_end)
                if until <= position.offset:
                    return
                if channel.idle:
                    stream.forget()  # nobody is owed anything; who comes next finds the position
                    return
                facts = await self._history.since(
                    channel.name, position.offset, until, position.epoch
                )
                if stream.position is None or stream.position.epoch != position.epoch:
                    return
                if facts is None:
                    self._lose_position(channel)
                    return
                ready = stream.fill(facts)
                self._metrics.gaps_filled += len(ready)
                self._give_out(channel, ready)
        except HistoryUnavailable:
            self._lose_position(channel)
        finally:
            channel.filling = False

    def _lose_position(self, channel: Channel) -> None:
        """What is missing cannot be had: each subscriber is told, comes back and recovers."""
        self._metrics.positions_lost += 1
        channel.stream.forget()
        tracked = [
            one for one, subscription in channel.subscriptions.items() if subscription.tracked
        ]
        for subscriber in tracked:
            self._end(channel, subscriber, UNSUBSCRIBE_INSUFFICIENT_STATE)

    def _schedule_check(self, channel: Channel) -> None:
        # Spread, so that the channels that were opened together are not checked together.
        delay = self._settings.position_check_interval_s * random.uniform(0.75, 1.25)  # noqa: S311
        channel.timer = self._wheel.after(delay, lambda: self._check_due(channel))

    def _check_due(self, channel: Channel) -> None:
        channel.timer = None
        if channel.idle or not channel.tracked:
            return
        channel.checks += 1
        self._spawn(self._check(channel, channel.checks % self._settings.source_check_every == 0))
        self._schedule_check(channel)

    async def _check(self, channel: Channel, ask_source: bool) -> None:
        """Compare the live position with the true one: finds a lost *last* publication, too."""
        async with self._slots:
            if channel.idle:
                # Nobody to give anything to; but who comes next must not trust this position.
                channel.stream.forget()
                return
            if not channel.settled:
                return
            try:
                top = await self._history.newest(channel.name, ask_source)
            except HistoryUnavailable:
                return  # nothing is known; the next check will tell
        position = channel.stream.position
        if top is None or position is None or channel.filling:
            return
        if top.epoch != position.epoch:
            self._lose_position(channel)
        elif top.offset > position.offset:
            self._fill(channel, top.offset)

    def _reconnected(self) -> None:
        """The broker was away. Anything may have been missed, on any channel."""
        self._metrics.broker_reconnects += 1
        for channel in self._channels.values():
            if channel.tracked:
                self._spawn(self._check(channel, ask_source=True))
            elif channel.keyed:
                self._spawn(self._reread(channel))

    async def _reread(self, channel: Channel) -> None:
        """Give the current values to all, for newer ones may have been missed."""
        channel.joining += 1
        try:
            async with self._slots:
                values = await self._history.latest(channel.name)
            missed = [one for key, one in values.items() if key not in channel.fresh]
            self._conflator.offer_missed(missed)
        except BrokerUnavailable:
            return  # gone again; it will be told once it is back
        finally:
            channel.joined()
            self._linger(channel)

    # Channels are opened and closed.

    def _open(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name, self._settings.recovery_limit)
            self._metrics.channels += 1
        return channel

    async def _listen(self, channel: Channel) -> None:
        """Wait until the broker delivers this channel; joiners share the one subscribe command."""
        if channel.listening is None:
            channel.listening = asyncio.create_task(self._broker.subscribe(channel.name))
            channel.listening.add_done_callback(mark_seen)
        listening = channel.listening
        try:
            await asyncio.shield(listening)
        except BrokerUnavailable:
            if channel.listening is listening:
                channel.listening = None  # the next one tries again
            raise

    def _linger(self, channel: Channel) -> None:
        if not channel.idle:
            return
        if channel.timer is not None:
            channel.timer.cancel()
        delay = self._settings.channel_linger_s
        channel.timer = self._wheel.after(delay, lambda: self._close_idle(channel))

    def _close_idle(self, channel: Channel) -> None:
        channel.timer = None
        if not channel.idle:
            if channel.tracked:
                self._schedule_check(channel)
            return
        del self._channels[channel.name]
        self._metrics.channels -= 1
        self._spawn(self._broker.unsubscribe(channel.name))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work of the hub failed", exc_info=error)
