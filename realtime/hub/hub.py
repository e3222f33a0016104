"""The hub: from the broker's publications to the subscribers of this node, nothing lost or doubled.

Each decision about a channel is made synchronously between two awaits, on what is true then; after
every await the question is asked anew. That is what keeps recovery and live delivery without a
window between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable

from realtime.broker.broker import Broker
from realtime.clock import Clock
from realtime.codes import (
    DISCONNECT_INSUFFICIENT_STATE,
    UNSUBSCRIBE_INSUFFICIENT_STATE,
    Unsubscribe,
)
from realtime.errors import BadRequest, BrokerUnavailable, PermissionDenied
from realtime.history.positions import Positions
from realtime.history.reader import HistoryReader
from realtime.history.recovery import Joiner
from realtime.hub.background import Background
from realtime.hub.channel import Channel, Subscriber, Subscription, Ward
from realtime.hub.compression import Deltas
from realtime.hub.conflation import Conflator
from realtime.hub.fanout import FanOut
from realtime.hub.turn import Turn
from realtime.maps.keyed import KeyedStore
from realtime.maps.keyed_hub import KeyedHub
from realtime.maps.keyed_view import KeyedReader
from realtime.metrics import Metrics
from realtime.ports import ChannelPolicy, SubscribeOptions
from realtime.protocol.messages import SUBSCRIPTION_STREAM, SubscribeRequest, SubscribeResult
from realtime.publication import Publication, StreamPosition
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
        turn: Turn,
        keyed: KeyedStore | None = None,
    ) -> None:
        self._broker = broker
        self._history = history
        self._policy = policy
        self._settings = settings
        self._clock = clock
        self._wheel = wheel
        self._metrics = metrics
        self._channels: dict[str, Channel] = {}
        self._background = Background("the hub")
        self._conflator = Conflator(wheel, settings.conflation_interval_s, self._emit_latest)
        deltas = Deltas()
        self._fan_out = FanOut(policy, settings, metrics, turn, deltas, self._end)
        self._joiner = Joiner(
            history, self._give_out, self._fan_out.allowed, deltas, settings, metrics
        )
        self._positions = Positions(
            history,
            settings,
            wheel,
            metrics,
            self._give_out,
            self._lose_position,
            self._background.spawn,
        )
        self._maps = KeyedHub(keyed, settings, clock, wheel, metrics, turn, self._leave)
        self._slots = asyncio.Semaphore(settings.concurrent_checks)

    async def start(self) -> None:
        await self._broker.start(self._receive, self._reconnected)
        self._maps.start()

    async def stop(self) -> None:
        """Ends all work of the hub; its subscribers must be gone."""
        listening = [one.listening for one in self._channels.values() if one.listening]
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await self._background.stop()
        for channel in self._channels.values():
            if channel.timer is not None:
                channel.timer.cancel()
        await self._maps.stop()
        await self._broker.stop()

    # Subscribers come and go.

    async def subscribe(
        self,
        subscriber: Subscriber,
        request: SubscribeRequest,
        options: SubscribeOptions | None = None,
    ) -> SubscribeResult:
        """Join a channel. From the moment this returns, publications are pushed to the subscriber.

        Await it directly and queue the reply at once: then no push can leave before the reply.
        `options`: the server subscribes, with these; otherwise the policy is asked.
        Raises what the policy raises, UnrecoverablePosition, BrokerUnavailable, HistoryUnavailable.
        """
        channel = self._open(request.channel)
        channel.joining += 1
        ward: Ward | None = None
        try:
            # Listened to before the policy is asked: a change of access that is published while it
            # decides then stands in the tail and is seen (see Joiner).
            await self._listen(channel)
            asked = options is None
            if options is None:
                options = self._maps.granted(subscriber, request)
            if options is None:
                options = await self._policy.subscribe(subscriber.identity, request)
            if options.guard is not None:
                ward = await self._post(subscriber, channel.name, options.guard)
                if asked:
                    # Once more, for access may have changed before the ward was there to see it.
                    options = await self._policy.subscribe(subscriber.identity, request)
            reader: KeyedReader | None = None
            if options.keyed is not None:
                reader, result = await self._maps.join(subscriber, request, options)
                if reader is None:
                    return result  # a page of a map: the client comes again
                subscription = Subscription(subscriber, options)
            else:
                if request.type != SUBSCRIPTION_STREAM:
                    raise BadRequest("this channel is no map")
                subscription, result = await self._joiner.join(
                    channel, subscriber, request, options
                )
            if ward is not None and ward.why is not None:
                raise PermissionDenied(channel.name)
            subscription.ward, ward = ward, None
            subscription.by_server = not asked
            self._establish(channel, subscriber, subscription)
            if reader is not None:
                self._maps.establish(channel.name, reader)
            self._metrics.subscriptions += 1
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
            self._establish(channel, ward, subscription)
            return ward
        finally:
            channel.joined()
            self._linger(channel)

    def _establish(
        self, channel: Channel, subscriber: Subscriber, subscription: Subscription
    ) -> None:
        self._fan_out.flush(channel)  # what came before this moment is not for it
        channel.add(subscriber, subscription)
        if subscription.positioned:
            self._positions.watch(channel)

    def _dismiss(self, ward: Ward) -> None:
        channel = self._channels.get(ward.guard)
        if channel is not None and channel.remove(ward) is not None:
            self._linger(channel)

    def _leave(self, subscriber: Subscriber, name: str, why: Unsubscribe) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            self._end(channel, subscriber, why)

    def unsubscribe(self, subscriber: Subscriber, name: str) -> bool:
        """Leave a channel; nothing is pushed after it. Whether there was a subscription."""
        self._maps.leave(name, subscriber)
        channel = self._channels.get(name)
        if channel is None or (left := channel.remove(subscriber)) is None:
            return False
        if left.ward is not None:
            self._dismiss(left.ward)
        self._metrics.subscriptions -= 1
        self._linger(channel)
        return True

    def options(self, subscriber: Subscriber, name: str) -> SubscribeOptions | None:
        """What a subscription is like; None without one."""
        channel = self._channels.get(name)
        subscription = channel.subscriptions.get(subscriber) if channel is not None else None
        return subscription.options if subscription is not None else None

    def counts(self) -> dict[str, int]:
        """How many clients each channel of this node has, those without any left out."""
        counts = {}
        for name, channel in self._channels.items():
            clients = sum(not isinstance(one, Ward) for one in channel.subscriptions)
            if clients:
                counts[name] = clients
        return counts

    # Publications come in.

    def _receive(self, publication: Publication) -> None:
        channel = self._channels.get(publication.channel)
        if channel is None:
            return
        self._metrics.publications += 1
        if publication.delivery == "keyed":
            self._maps.receive(publication)
        elif publication.delivery == "fact":
            self._receive_fact(channel, publication)
        elif publication.delivery == "latest":
            if channel.joining:
                channel.fresh[publication.key] = publication
            self._conflator.offer(publication)
        else:
            self._fan_out.push(channel, publication)

    def _receive_fact(self, channel: Channel, fact: Publication) -> None:
        stream = channel.stream
        if not channel.tracked:
            self._fan_out.push(channel, fact)
            if not channel.joining:
                return  # nobody here is owed facts; a joiner may turn out to be
        if stream.foreign(fact):
            log.warning("channel %r goes on under another epoch", channel.name)
            self._lose_position(channel)
        if stream.position is None and channel.loose:
            # These are owed nothing from before, and should not wait until somebody asks where
            # the channel stands.
            self._give_out(channel, stream.locate(StreamPosition(fact.offset - 1, fact.epoch)))
        if stream.position is not None and fact.offset <= stream.position.offset:
            self._metrics.duplicates_dropped += 1
            return
        self._give_out(channel, stream.receive(fact))

    def _give_out(self, channel: Channel, facts: Iterable[Publication]) -> None:
        """Facts that are ready, in order, to all who are subscribed; then see to what is held."""
        for fact in facts:
            if channel.joining:
                channel.tail.append(fact)
            self._fan_out.push(channel, fact)
        if channel.stream.gap:
            self._positions.fill(channel)

    def _emit_latest(self, publication: Publication) -> None:
        channel = self._channels.get(publication.channel)
        if channel is not None:
            self._fan_out.push(channel, publication)

    def _end(self, channel: Channel, subscriber: Subscriber, why: Unsubscribe) -> None:
        if isinstance(subscriber, Ward):
            self._dismiss(subscriber)
            subscriber.unsubscribed(channel.name, why)
        elif self.unsubscribe(subscriber, channel.name):
            subscriber.unsubscribed(channel.name, why)

    def _lose_position(self, channel: Channel) -> None:
        """What is missing cannot be had: who is owed it is told, comes back and recovers.

        The others are given what there is.
        """
        self._metrics.positions_lost += 1
        held = channel.stream.abandon()
        self._fan_out.flush(channel)
        for subscriber, subscription in list(channel.subscriptions.items()):
            if not subscription.positioned:
                continue
            if subscription.by_server:
                # The client did not ask for it: it can only come back as a whole.
                self.unsubscribe(subscriber, channel.name)
                subscriber.close(DISCONNECT_INSUFFICIENT_STATE)
            else:
                self._end(channel, subscriber, UNSUBSCRIBE_INSUFFICIENT_STATE)
        if channel.loose:
            for fact in held:
                self._fan_out.push(channel, fact)
            self._fan_out.flush(channel)
            for subscription in channel.subscriptions.values():
                subscription.offset = 0  # whatever comes next is new to these

    def _reconnected(self, names: Collection[str]) -> None:
        """The broker was away for these channels. Anything may have been missed on them."""
        self._metrics.broker_reconnects += 1
        for name in names:
            channel = self._channels.get(name)
            if channel is None:
                continue
            self._maps.reconnected(name)
            if channel.tracked:
                self._background.spawn(self._positions.check(channel, ask_source=True))
            elif channel.keyed:
                self._background.spawn(self._reread(channel))

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
            channel.listening.add_done_callback(lambda listened: _retry(channel, listened))
        await asyncio.shield(channel.listening)

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
                self._positions.watch(channel)
            return
        del self._channels[channel.name]
        self._maps.close(channel.name)
        self._metrics.channels -= 1
        self._background.spawn(self._broker.unsubscribe(channel.name))


def _retry(channel: Channel, listened: asyncio.Task[None]) -> None:
    """Where a broker could not listen, for whatever reason, the next joiner has it try again."""
    failed = listened.cancelled() or listened.exception() is not None
    if failed and channel.listening is listened:
        channel.listening = None
