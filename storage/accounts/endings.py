"""Which sessions end, told to every process at once.

PostgreSQL's NOTIFY carries each ending with its commit. A connection can be cut without anybody
noticing, so what ended lately is also read again, regularly and after each reconnect: a notice that
was missed is late by `POLL_S`, never lost. While PostgreSQL is away no session can end.

The same connection hears that the keys which sign access tokens have changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from storage.accounts.keys import CHANGED_CHANNEL
from storage.accounts.sessions import ENDED_CHANNEL
from storage.records.database import CONNECT_TIMEOUT_S

log = logging.getLogger(__name__)

# The longest that an ending whose notice was lost goes unnoticed; an index read, by each process.
POLL_S: Final = 5.0
# Between attempts to connect: a restart takes PostgreSQL some seconds, and it must not meet more
# than one attempt a second of each process then.
RETRY_S: Final = 1.0
# The query takes a millisecond; a server that needs this long for it has stopped.
QUERY_TIMEOUT_S: Final = 3.0

_LATELY: Final = """
SELECT id::text FROM session
WHERE status = 'ended' AND ended_at > (
    SELECT coalesce(max(ended_at), 'epoch') FROM session WHERE status = 'ended'
) - make_interval(secs => $1)
"""

OnEnded = Callable[[str], None]


class EndedSessions:
    """Follows the endings on a connection of its own, from `start` to `close`."""

    def __init__(
        self,
        database_url: str,
        lately_s: float,
        on_ended: OnEnded,
        on_keys: Callable[[], None],
    ) -> None:
        """`on_ended` is told each ending's session id, some more than once. `on_keys` is called
        when the signing keys have changed, and with each connection, for they may have meanwhile.
        Neither may block.

        `lately_s`: how long ago an ending may be that still matters.
        """
        self._url = database_url
        self._lately_s = lately_s
        self._on_ended = on_ended
        self._on_keys = on_keys
        self._task: asyncio.Task[None] | None = None
        self._following = asyncio.Event()

    async def start(self) -> None:
        """Returns once the endings are known, or PostgreSQL was found to be away."""
        self._task = asyncio.create_task(self._follow(), name="ended-sessions")
        await self._following.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        away = False
        while True:
            try:
                await self._connected()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not away:
                    log.warning("the ends of sessions are not followed: %s", type(error).__name__)
                away = True
            else:
                away = False
            self._following.set()
            await asyncio.sleep(RETRY_S)

    async def _connected(self) -> None:
        """Until the connection ends; raises what it ends with."""
        connection = await asyncpg.connect(
            self._url, timeout=CONNECT_TIMEOUT_S, command_timeout=QUERY_TIMEOUT_S
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(ENDED_CHANNEL, self._noticed)
            await connection.add_listener(CHANGED_CHANNEL, lambda *_: self._on_keys())
            self._on_keys()
            while not lost.is_set():
                for row in await connection.fetch(_LATELY, self._lately_s):
                    self._on_ended(row[0])
                self._following.set()
                try:
                    async with asyncio.timeout(POLL_S):
                        await lost.wait()
                except TimeoutError:
                    continue
        finally:
            connection.terminate()

    def _noticed(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._on_ended(str(payload))
