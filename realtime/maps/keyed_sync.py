"""Keeping a node's views of maps in step with the store: reading, checking, expiring keys."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from realtime.errors import BrokerUnavailable, HistoryUnavailable
from realtime.history.reader import SingleFlight
from realtime.hub.background import Background
from realtime.maps.keyed import KeyedOptions, KeyedStore
from realtime.maps.keyed_view import KeyedView
from realtime.protocol.messages import SubscribeRequest
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel

log = logging.getLogger(__name__)

_ROUNDS = 20
"""How often a step is tried anew because the map was lost under it."""


class KeyedSync:
    """`news`: the view has something to give out. `lose`: what was missed cannot be had; the view
    is to be reset."""

    def __init__(
        self,
        store: KeyedStore,
        settings: RealtimeSettings,
        wheel: TimerWheel,
        news: Callable[[KeyedView], None],
        lose: Callable[[KeyedView], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._wheel = wheel
        self._news = news
        self._lose = lose
        self._reads: SingleFlight[None] = SingleFlight()
        self._slots = asyncio.Semaphore(settings.concurrent_checks)
        self._background = Background("maps")
        self._sweeping = False
        self.views: dict[str, KeyedView] = {}

    def start(self) -> None:
        self._wheel.after(self._settings.keyed_sweep_s, self._sweep_due)

    async def stop(self) -> None:
        await self._background.stop()
        await self._reads.stop()
        for name in list(self.views):
            self.close(name)

    async def view(self, name: str, options: KeyedOptions, request: SubscribeRequest) -> KeyedView:
        """The map as this node knows it, whole. Raises BrokerUnavailable, HistoryUnavailable."""
        looked = False
        for _ in range(_ROUNDS):
            view = self.views.get(name)
            if view is None:
                view = self.views[name] = KeyedView(name, options)
            known = view.log if view.whole else None
            if known is not None:
                foreign = request.epoch not in ("", known.epoch)
                if looked or not (foreign or (request.epoch and request.offset > known.top)):
                    return view
                looked = True  # another node may know more of it than this one
            await self._reads.run(name, partial(self._read, view))
        raise HistoryUnavailable(f"the map {name!r} does not keep still")

    def close(self, name: str) -> None:
        """Nobody reads this map here any more."""
        view = self.views.pop(name, None)
        if view is not None and view.checking is not None:
            view.checking.cancel()

    def watch(self, view: KeyedView) -> None:
        """Compare it with the store from time to time."""
        if view.checking is None:
            # Spread, so that the maps that were opened together are not checked together.
            spread = random.uniform(0.75, 1.25)  # noqa: S311  jitter, not a secret
            delay = self._settings.position_check_interval_s * spread
            view.checking = self._wheel.after(delay, partial(self._check_due, view))

    def read(self, view: KeyedView) -> None:
        """Get what is missing, in the background; if that fails, the next check tries again."""
        self._background.spawn(self._read_quietly(view))

    def check(self, view: KeyedView) -> None:
        """Compare it with the store, in the background."""
        self._background.spawn(self._check(view))

    async def _read(self, view: KeyedView) -> None:
        """Read what the store has above what is known here. Raises BrokerUnavailable."""
        limit = self._settings.keyed_read_size
        while self.views.get(view.name) is view:
            known = view.log.top if view.log is not None else 0
            found = await self._store.changes(view.name, known, limit)
            rest = len(found.changes) < limit
            if not view.fill(found, rest):
                self._lose(view)
                continue
            if view.whole:
                self._news(view)
            if rest:
                return

    async def _read_quietly(self, view: KeyedView) -> None:
        try:
            await self._reads.run(view.name, partial(self._read, view))
        except BrokerUnavailable:
            log.debug("the map %r cannot be read just now", view.name)

    def _check_due(self, view: KeyedView) -> None:
        view.checking = None
        if view.readers:
            self.check(view)
            self.watch(view)
        else:
            view.reset()  # who comes next must not trust what nobody checked

    async def _check(self, view: KeyedView) -> None:
        """Finds a lost *last* change, too."""
        async with self._slots:
            try:
                top = await self._store.top(view.name)
            except BrokerUnavailable:
                return  # nothing is known; the next check will tell
        known = view.log
        if known is not None and view.whole:
            if top is None or top.epoch != known.epoch:
                self._lose(view)
            elif top.offset <= known.top:
                return
        await self._read_quietly(view)

    def _sweep_due(self) -> None:
        self._wheel.after(self._settings.keyed_sweep_s, self._sweep_due)
        if not self._sweeping:
            self._sweeping = True
            self._background.spawn(self._sweep())

    async def _sweep(self) -> None:
        try:
            await self._store.expire()
        except BrokerUnavailable:
            log.debug("expired keys stay until the store is back")
        finally:
            self._sweeping = False
