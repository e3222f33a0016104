"""Where each channel's stream should stand: holes are found and filled, or their readers told.

Live publications can get lost between broker and node. A hole is seen when something follows it; a
lost *last* publication only by comparing positions, which is done a channel, now and then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from realtime.errors import HistoryUnavailable
from realtime.history.reader import HistoryReader
from realtime.hub.channel import Channel
from realtime.metrics import Metrics
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel

GiveOut = Callable[[Channel, Iterable[Publication]], None]
Lose = Callable[[Channel], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Positions:
    """`give_out` takes what was missing, in order; `lose` is called where that cannot be had."""

    def __init__(
        self,
        history: HistoryReader,
        settings: RealtimeSettings,
        wheel: TimerWheel,
        metrics: Metrics,
        give_out: GiveOut,
        lose: Lose,
        spawn: Spawn,
    ) -> None:
        self._history = history
        self._settings = settings
        self._wheel = wheel
        self._metrics = metrics
        self._give_out = give_out
        self._lose = lose
        self._spawn = spawn
        self._slots = asyncio.Semaphore(settings.concurrent_checks)

    def fill(self, channel: Channel, reach: int = 0) -> None:
        """Read what is missing, up to `reach` and to what is held; in the background."""
        if not channel.filling:
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
                    channel.name, position.offset, until, position.epoch, channel.retention
                )
                if stream.position is None or stream.position.epoch != position.epoch:
                    return
                if facts is None:
                    self._lose(channel)
                    return
                ready = stream.fill(facts)
                self._metrics.gaps_filled += len(ready)
                self._give_out(channel, ready)
        except HistoryUnavailable:
            self._lose(channel)
        finally:
            channel.filling = False

    def watch(self, channel: Channel) -> None:
        """Check the channel's position now and then, as long as somebody depends on it."""
        if channel.timer is None:
            self._later(channel, self._settings.position_check_interval_s)

    def _due(self, channel: Channel) -> None:
        channel.timer = None
        if channel.idle or not channel.tracked:
            return
        if not channel.owing:
            # Who comes next must not trust a position that is not checked any more.
            if not channel.filling:
                channel.stream.forget()
            return
        channel.checks += 1
        nth = channel.checks % self._settings.source_check_every == 0
        ask_source = nth or channel.doubtful
        self._spawn(self.check(channel, ask_source))
        self.watch(channel)

    async def check(self, channel: Channel, ask_source: bool) -> None:
        """Compare the live position with the true one.

        Where the source is to be asked and that does not come off, it is soon asked again.
        """
        channel.doubtful = channel.doubtful or ask_source
        async with self._slots:
            if channel.idle:
                # Nobody to give anything to; but who comes next must not trust this position.
                channel.stream.forget()
                return
            if not channel.settled:
                self._again(channel)
                return
            before = channel.stream.position
            try:
                top = await self._history.newest(channel.name, ask_source, channel.retention)
            except HistoryUnavailable:
                self._again(channel)
                return
        position = channel.stream.position
        if position is None or before is None or channel.filling:
            self._again(channel)
            return
        if ask_source:
            channel.doubtful = False
        if top is None:
            return
        if top.epoch != position.epoch:
            self._lose(channel)
        elif channel.retention is not None and top.offset < before.offset:
            # A broker that lost its last writes counts them anew: what it says next would look
            # like a repeat here. (A journal never goes back.)
            self._lose(channel)
        elif top.offset > position.offset:
            self.fill(channel, top.offset)

    def _again(self, channel: Channel) -> None:
        """Where something may be missing and nobody would notice: no later than this."""
        if channel.doubtful and not channel.idle:
            if channel.timer is not None:
                channel.timer.cancel()
            self._later(channel, self._settings.doubt_check_interval_s)

    def _later(self, channel: Channel, interval_s: float) -> None:
        # Spread, so that channels that were opened together are not checked together.
        spread = random.uniform(0.75, 1.25)  # noqa: S311  jitter, not a secret
        channel.timer = self._wheel.after(interval_s * spread, lambda: self._due(channel))
