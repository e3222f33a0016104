"""Who of this node is on which channel, as the other nodes and clients get to know it.

Arrivals and departures gather while one round trip is under way, and go in the next; so do the
renewals, a slice of all entries each second. Everything goes through one task: what is told of a
client arrives in the order in which it happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from realtime.broker.broker import Publisher
from realtime.errors import BrokerUnavailable
from realtime.ports import SubscribeOptions
from realtime.presence.presence import Presence, Present
from realtime.publication import Delivery, Peer, Publication
from realtime.settings import RealtimeSettings
from realtime.wheel import Timer, TimerWheel

log = logging.getLogger(__name__)

_SLICE_S = 1.0
_BATCH = 1000
"""Entries in one round trip."""

_Key = tuple[str, str]


class Attendance:
    """`presence` None: nobody is entered anywhere, but joins and leaves are announced."""

    def __init__(
        self,
        presence: Presence | None,
        publisher: Publisher,
        settings: RealtimeSettings,
        wheel: TimerWheel,
    ) -> None:
        self._presence = presence
        self._publisher = publisher
        self._wheel = wheel
        slices = max(1, round(settings.presence_renew_s / _SLICE_S))
        self._slices: list[dict[_Key, Present]] = [{} for _ in range(slices)]
        self._slice = 0
        self._changes: dict[_Key, tuple[Present, bool]] = {}
        self._announcements: list[Publication] = []
        self._renewals: deque[tuple[dict[_Key, Present], list[_Key]]] = deque()
        self._telling: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        if self._presence is not None:
            self._timer = self._wheel.after(_SLICE_S, self._renew)

    async def stop(self) -> None:
        """Tell what is still to be told."""
        if self._timer is not None:
            self._timer.cancel()
        await self.told()

    def arrive(self, channel: str, peer: Peer, options: SubscribeOptions) -> None:
        self._change(channel, peer, options, there=True)

    def leave(self, channel: str, peer: Peer, options: SubscribeOptions) -> None:
        self._change(channel, peer, options, there=False)

    async def told(self) -> None:
        """Wait until what was said up to now is told (or could not be)."""
        if self._telling is not None:
            await asyncio.wait({self._telling})

    def _change(self, channel: str, peer: Peer, options: SubscribeOptions, there: bool) -> None:
        if options.presence and self._presence is not None:
            key = channel, peer.client
            present = Present(channel, peer.client, peer)
            entries = self._slices[hash(key) % len(self._slices)]
            if there:
                entries[key] = present
            else:
                entries.pop(key, None)
            self._changes[key] = present, there
            self._tell()
        if options.join_leave:
            delivery: Delivery = "join" if there else "leave"
            self._announcements.append(Publication(channel, b"", delivery=delivery, info=peer))
            self._tell()

    def _renew(self) -> None:
        self._timer = self._wheel.after(_SLICE_S, self._renew)
        entries = self._slices[self._slice]
        self._slice = (self._slice + 1) % len(self._slices)
        keys = list(entries)
        for start in range(0, len(keys), _BATCH):
            self._renewals.append((entries, keys[start : start + _BATCH]))
        if keys:
            self._tell()

    def _tell(self) -> None:
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_all(), name="realtime-attendance")

    async def _tell_all(self) -> None:
        try:
            while self._changes or self._announcements or self._renewals:
                try:
                    await self._tell_some()
                except BrokerUnavailable as error:
                    # An entry is made good when it is renewed; a join or a leave is a signal.
                    log.warning("presence could not be told: %s", error)
        except Exception:  # it is the task's end: the next change begins another
            log.exception("presence could not be told")
        finally:
            self._telling = None

    async def _tell_some(self) -> None:
        changes, self._changes = self._changes, {}
        announcements, self._announcements = self._announcements, []
        try:
            if self._presence is not None:
                await self._enter(self._presence, changes)
        finally:
            if announcements:
                await self._publisher.publish(announcements)

    async def _enter(self, presence: Presence, changes: dict[_Key, tuple[Present, bool]]) -> None:
        arrived = [present for present, there in changes.values() if there]
        if self._renewals:
            entries, keys = self._renewals.popleft()
            # Those that have left by now are not to be brought back.
            arrived += [entries[key] for key in keys if key in entries and key not in changes]
        left = [present for present, there in changes.values() if not there]
        if arrived:
            await presence.add(arrived)
        if left:
            await presence.remove(left)
