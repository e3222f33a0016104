"""From publications to the subscribers of their channel.

What is published on a channel in one turn of the event loop is one run: encoded once a format,
joined once, and each subscriber who takes all of it is given the same bytes. So a burst costs a
subscriber one step, not one for each publication.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from realtime.codes import DISCONNECT_INAPPROPRIATE_PROTOCOL, UNSUBSCRIBE_SERVER, Unsubscribe
from realtime.hub.channel import Channel, Subscriber, Subscription
from realtime.hub.compression import Deltas
from realtime.hub.run import ANNOUNCEMENTS, Run
from realtime.hub.turn import Turn
from realtime.metrics import Metrics
from realtime.ports import ChannelPolicy
from realtime.publication import Publication
from realtime.settings import RealtimeSettings

log = logging.getLogger(__name__)

End = Callable[[Channel, Subscriber, Unsubscribe], None]
"""Ends a subscription and tells the subscriber; never called while subscriptions are walked."""


class FanOut:
    """Who changes what subscribers are owed calls `flush` first: when one is added, because it is
    not to be given what came before; when positions are lost, so that all are as far as can be.
    """

    def __init__(
        self,
        policy: ChannelPolicy,
        settings: RealtimeSettings,
        metrics: Metrics,
        turn: Turn,
        deltas: Deltas,
        end: End,
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._metrics = metrics
        self._turn = turn
        self._deltas = deltas
        self._end = end
        self._waiting: dict[Channel, list[Publication]] = {}

    def push(self, channel: Channel, publication: Publication) -> None:
        """Give to every subscription, at the end of this turn of the loop."""
        if channel.guarded:
            # Who may see it no more loses what the channel guards in this same moment, before
            # anything else that this turn still brings.
            self.flush(channel)
            self._waiting[channel] = [publication]
            self.flush(channel)
            return
        waiting = self._waiting.get(channel)
        if waiting is None:
            self._waiting[channel] = [publication]
            self._turn.give_out(partial(self.flush, channel))
        else:
            waiting.append(publication)

    def flush(self, channel: Channel) -> None:
        """Give out now what was pushed on this channel."""
        waiting = self._waiting.pop(channel, None)
        if waiting is None or not channel.subscriptions:
            return
        run = Run(waiting, self._settings.frame_bytes, self._deltas.budget())
        # Who has nothing of it yet takes all of it, and then stands at its end.
        first = next((one.offset for one in waiting if one.offset), 0)
        last = max(one.offset for one in waiting)
        revoked: list[Subscriber] = []
        unfit: list[Subscriber] = []
        for subscriber, subscription in channel.subscriptions.items():
            if not subscription.plain or (first and subscription.offset >= first):
                taken, stopped = self._pick(run, subscriber, subscription)
                if stopped:
                    revoked.append(subscriber)
            else:
                taken = run.plain
                if subscription.tracked:
                    subscription.offset = last or subscription.offset
            if subscription.delta and taken:
                messages = run.deltas(subscriber.codec, taken, subscription.base)
                subscription.base = run.last(taken) or subscription.base
            else:
                messages = run.messages(subscriber.codec, taken)
            if messages is None:
                unfit.append(subscriber)
                continue
            for message in messages:
                subscriber.deliver(message)
        self._end_those(channel, revoked, unfit)
        if run.unencodable:
            log.error("a publication on %r is not fit for its readers' format", channel.name)
            self._metrics.unencodable_payloads += run.unencodable

    def _pick(
        self, run: Run, subscriber: Subscriber, subscription: Subscription
    ) -> tuple[tuple[int, ...], bool]:
        """Which of the run a subscriber takes, and whether it may have nothing more after that."""
        taken: list[int] = []
        tags_filter = subscription.tags_filter
        for index, publication in enumerate(run.publications):
            if publication.delivery in ANNOUNCEMENTS:
                if subscription.announce:
                    taken.append(index)
                continue
            if publication.offset and subscription.tracked:
                if publication.offset <= subscription.offset:
                    continue
                if subscription.guarded and not self.allowed(subscriber, publication):
                    return tuple(taken), True
                # Also where a filter keeps it back: it is nothing that the subscriber missed.
                subscription.offset = publication.offset
            if tags_filter is None or run.passes(tags_filter, index):
                taken.append(index)
        return tuple(taken), False

    def _end_those(
        self, channel: Channel, revoked: list[Subscriber], unfit: list[Subscriber]
    ) -> None:
        for subscriber in revoked:
            self._metrics.revocations += 1
            self._end(channel, subscriber, UNSUBSCRIBE_SERVER)
        for subscriber in unfit:
            subscriber.close(DISCONNECT_INAPPROPRIATE_PROTOCOL)

    def allowed(self, subscriber: Subscriber, fact: Publication) -> bool:
        """Ask the policy about one fact. When in doubt: no."""
        try:
            return self._policy.still_allowed(subscriber.identity, fact.channel, fact.data)
        except Exception:  # the application's policy: not to answer is not to allow
            log.exception("the policy failed on a fact of %r", fact.channel)
            return False
