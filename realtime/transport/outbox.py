"""What waits for one client, and the policy for those who do not take it.

Frames queued in one turn of the event loop, or while the client cannot take more, leave joined.
Two kinds: `outbox_message.py` for transports that carry messages and are awaited (plain ASGI, HTTP
streams), `outbox_socket.py` for raw sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from realtime.codes import Disconnect
from realtime.metrics import Metrics
from realtime.protocol.codec import Codec
from realtime.settings import RealtimeSettings
from realtime.transport.message import Message
from realtime.wheel import Timer, TimerWheel


class Transport(Protocol):
    """A socket, or whatever carries messages to one client."""

    async def send(self, message: bytes, binary: bool) -> None:
        """Returns when the transport can take more. Raises OSError when it is gone."""
        ...

    async def close(self, why: Disconnect) -> None:
        """Say good-bye with this code. May wait for ever on a peer that does not read."""
        ...

    def abort(self) -> None:
        """Drop it without a word."""
        ...


class Outbox:
    """`on_slow` is called from the event loop, never from within `put` or `deliver`; `on_broken`
    when a write fails. After either, `discard` is expected.
    """

    __slots__ = (
        "_codec",
        "_grace",
        "_metrics",
        "_on_broken",
        "_on_slow",
        "_open",
        "_settings",
        "_wheel",
        "queued_bytes",
    )

    def __init__(
        self,
        codec: Codec,
        settings: RealtimeSettings,
        wheel: TimerWheel,
        metrics: Metrics,
        on_slow: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._codec = codec
        self._settings = settings
        self._wheel = wheel
        self._metrics = metrics
        self._on_slow = on_slow
        self._on_broken = on_broken
        self._open = True
        self._grace: Timer | None = None
        self.queued_bytes = 0

    def put(self, frame: bytes) -> None:
        """Queue a frame of this client's own; what is put after the end is dropped."""
        raise NotImplementedError

    def deliver(self, message: Message) -> None:
        """Queue a message that others are given, too."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Take no more, and wait until what is queued is written."""
        raise NotImplementedError

    def discard(self) -> None:
        """Take no more, drop what is queued, and let go of who is told."""
        self._open = False
        self._on_slow = self._on_broken = _nothing
        if self._grace is not None:
            self._grace.cancel()
        self._metrics.queue_bytes -= self.queued_bytes
        self.queued_bytes = 0

    def _taken(self) -> int:
        """Bytes that the client has taken so far."""
        raise NotImplementedError

    def _queue(self, size: int) -> None:
        """Count what was queued."""
        self.queued_bytes += size
        self._metrics.queue_bytes += size
        if self.queued_bytes > self._settings.queue_bytes:
            self._over()

    def _count(self, frames: int, size: int) -> None:
        """Count what was written."""
        self.queued_bytes -= size
        metrics = self._metrics
        metrics.writes += 1
        metrics.messages_out += frames
        metrics.bytes_out += size
        metrics.queue_bytes -= size

    def _over(self) -> None:
        """More waits than should. A burst may be taken quickly, so ask for progress first."""
        if self.queued_bytes > self._settings.queue_hard_bytes:
            self._open = False
            asyncio.get_running_loop().call_soon(self._on_slow)
        elif self._grace is None:
            taken = self._taken()
            self._grace = self._wheel.after(self._settings.slow_grace_s, lambda: self._judge(taken))

    def _judge(self, taken: int) -> None:
        self._grace = None
        if not self._open or self.queued_bytes <= self._settings.queue_bytes:
            return
        if self._taken() == taken:
            self._on_slow()
        else:
            self._over()


def _nothing() -> None:
    """Whoever was told has gone, and is not to be kept alive by what it was told with."""
