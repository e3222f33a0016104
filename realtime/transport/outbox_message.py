"""The outbox of a transport that is awaited: a task only while there is something to write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from realtime.metrics import Metrics
from realtime.protocol.codec import Codec
from realtime.settings import RealtimeSettings
from realtime.transport.message import Message
from realtime.transport.outbox import Outbox, Transport
from realtime.wheel import TimerWheel


class MessageOutbox(Outbox):
    __slots__ = ("_frames", "_transport", "_writer", "_written")

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
        super().__init__(codec, settings, wheel, metrics, on_slow, on_broken)
        self._transport = transport
        self._frames: list[bytes] = []
        self._written = 0
        self._writer: asyncio.Task[None] | None = None

    def put(self, frame: bytes) -> None:
        if not self._open:
            return
        self._frames.append(frame)
        self._queue(len(frame))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    def deliver(self, message: Message) -> None:
        for frame in message.frames:
            self.put(frame)

    async def drain(self) -> None:
        self._open = False
        if self._writer is not None:
            await asyncio.wait({self._writer})

    def discard(self) -> None:
        super().discard()
        if self._writer is not None:
            self._writer.cancel()
        self._frames.clear()

    def _taken(self) -> int:
        return self._written

    async def _write(self) -> None:
        try:
            while self._frames:
                frames, size = self._next()
                await self._transport.send(self._codec.join(frames), self._codec.binary)
                self._written += size
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
