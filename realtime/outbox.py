"""The frames that wait for one socket, and the policy for those who do not take them.

Frames queued in one turn of the event loop, or while a write is under way, leave joined in one
write. There is a writing task only while there is something to write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from realtime.codec import Codec
from realtime.codes import Disconnect
from realtime.metrics import Metrics
from realtime.settings import RealtimeSettings
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
    """`on_slow` is called from the event loop, never from within `put`; `on_broken` when a write
    fails. After either, `discard` is expected.
    """

    __slots__ = (
        "_codec",
        "_frames",
        "_grace",
        "_metrics",
        "_on_broken",
        "_on_slow",
        "_open",
        "_settings",
        "_taken",
        "_transport",
        "_wheel",
        "_writer",
        "queued_bytes",
    )

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        settings: RealtimeSettings,
        wheel: TimerWheel,
        metrics: Metrics,
        on_slow: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._codec = codec
        self._settings = settings
        self._wheel = wheel
        self._metrics = metrics
        self._on_slow = on_slow
        self._on_broken = on_broken
        self._frames: list[bytes] = []
        self._open = True
        self._taken = 0
        self._grace: Timer | None = None
        self._writer: asyncio.Task[None] | None = None
        self.queued_bytes = 0

    def put(self, frame: bytes) -> None:
        """Queue a frame; what is put after the end is dropped."""
        if not self._open:
            return
        self._frames.append(frame)
        self.queued_bytes += len(frame)
        self._metrics.queue_bytes += len(frame)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        elif self.queued_bytes > self._settings.queue_bytes:
            self._over()

    async def drain(self) -> None:
        """Take no more, and wait until what is queued is written."""
        self._open = False
        if self._writer is not None:
            await asyncio.wait({self._writer})

    def discard(self) -> None:
        """Take no more, and drop what is queued."""
        self._open = False
        if self._writer is not None:
            self._writer.cancel()
        if self._grace is not None:
            self._grace.cancel()
        self._frames.clear()
        self._metrics.queue_bytes -= self.queued_bytes
        self.queued_bytes = 0

    def _over(self) -> None:
        """More waits than should. A burst may be taken quickly, so ask for progress first."""
        if self.queued_bytes > self._settings.queue_hard_bytes:
            self._open = False
            asyncio.get_running_loop().call_soon(self._on_slow)
        elif self._grace is None:
            taken = self._taken
            self._grace = self._wheel.after(self._settings.slow_grace_s, lambda: self._judge(taken))

    def _judge(self, taken: int) -> None:
        self._grace = None
        if not self._open or self.queued_bytes <= self._settings.queue_bytes:
            return
        if self._taken == taken:
            self._on_slow()
        else:
            self._over()

    async def _write(self) -> None:
        try:
            while self._frames:
                frames, size = self._next()
                await self._transport.send(self._codec.join(frames), self._codec.binary)
                self._taken += size
                self.queued_bytes -= size
                self._count(len(frames), size)
        except OSError:
            self._on_broken()
        finally:
            self._writer = None

    def _next(self) -> tuple[list[bytes], int]:
        if self.queued_bytes <= self._settings.frame_bytes:
            frames, self._frames = self._frames, []
            return frames, self.queued_bytes
        count = size = 0
        while count < len(self._frames) and size < self._settings.frame_bytes:
            size += len(self._frames[count])
            count += 1
        frames = self._frames[:count]
        del self._frames[:count]
        return frames, size

    def _count(self, frames: int, size: int) -> None:
        self._metrics.writes += 1
        self._metrics.messages_out += frames
        self._metrics.bytes_out += size
        self._metrics.queue_bytes -= size
