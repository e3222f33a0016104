"""Which sessions have ended, as this process knows: asked for each token, without a query."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from actors.ports import Clock
from storage.accounts.endings import EndedSessions
from web.accounts.signing import TTL_S
from web.tokens import LEEWAY_S

log = logging.getLogger(__name__)

# So long after its session's end no access token of it is good in any case.
LATELY_S: Final = TTL_S + LEEWAY_S + 60.0

# Close what is open with this session's token, on whatever socket of this process.
OnEnded = Callable[[str], Awaitable[None]]


class Revocations:
    """`start` returns when the endings are known, `close` stops following them."""

    def __init__(self, database_url: str, clock: Clock, on_keys: Callable[[], None]) -> None:
        """`on_keys`: as in `EndedSessions`, whose connection this is."""
        self._clock = clock
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._following = EndedSessions(database_url, LATELY_S, self.ended, on_keys)
        self._watchers: list[OnEnded] = []
        self._telling: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._following.start()

    async def close(self) -> None:
        await self._following.close()
        await asyncio.gather(*self._telling, return_exceptions=True)

    def on_ended(self, watcher: OnEnded) -> None:
        """Have it called once with each session that ends from now on."""
        self._watchers.append(watcher)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._ended

    def ended(self, session_id: str) -> None:
        """It is over from now on, whoever says so: PostgreSQL, or what this process has done."""
        now = self._clock.now()
        while self._ended and next(iter(self._ended.values())) < now:
            self._ended.popitem(last=False)
        if session_id in self._ended:
            return
        self._ended[session_id] = now + LATELY_S
        for watcher in self._watchers:
            task = asyncio.create_task(self._tell(watcher, session_id))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, watcher: OnEnded, session_id: str) -> None:
        try:
            await watcher(session_id)
        except Exception:  # nobody awaits this task, and the session has ended whatever this met
            log.exception("what is open of the ended session %s is not closed", session_id)
