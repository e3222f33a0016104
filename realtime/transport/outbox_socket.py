"""The outbox of a raw socket: it writes at the end of the turn, without any task.

While the socket takes all, whatever it was given in one turn is one write, and a message that is
shared with others is written as the very bytes that the others get. Once the transport asks for a
pause, everything waits here, counted, and leaves joined when it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from realtime.codes import Disconnect
from realtime.hub.turn import Turn
from realtime.metrics import Metrics
from realtime.protocol.codec import Codec
from realtime.settings import RealtimeSettings
from realtime.transport.message import Message
from realtime.transport.outbox import Outbox
from realtime.wheel import TimerWheel


class RawSocket:
    """A TCP connection after its WebSocket handshake.

    `writable`: it has not asked for a pause. When it goes on after one, it calls `flush` of the
    outbox that was attached to it.
    """

    __slots__ = ()

    writable: bool

    @property
    def buffered_bytes(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        raise NotImplementedError

    def attach(self, outbox: SocketOutbox) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Whole WebSocket frames. Never blocks; on a socket that is gone it does nothing."""
        raise NotImplementedError

    async def close(self, why: Disconnect) -> None:
        """Send the close frame; the socket ends when the peer has answered it, or soon after."""
        raise NotImplementedError

    def abort(self) -> None:
        """Reset the connection, whatever is still to be sent."""
        raise NotImplementedError


class SocketOutbox(Outbox):
    __slots__ = ("_drained", "_pending", "_socket", "_turn", "_written")

    def __init__(
        self,
        socket: RawSocket,
        codec: Codec,
        settings: RealtimeSettings,
        wheel: TimerWheel,
        metrics: Metrics,
        turn: Turn,
        on_slow: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        super().__init__(codec, settings, wheel, metrics, on_slow, on_broken)
        self._socket = socket
        self._turn = turn
        self._pending: list[Message] | None = None
        self._written = 0
        self._drained: asyncio.Future[None] | None = None
        socket.attach(self)

    def put(self, frame: bytes) -> None:
        self.deliver(Message(self._codec, (frame,)))

    def deliver(self, message: Message) -> None:
        if not self._open:
            return
        if self._pending is None:
            self._pending = [message]
            if self._socket.writable:
                self._turn.write(self)
        else:
            self._pending.append(message)
        self._queue(len(message.payload))

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it: at the end of the turn, and when the
        socket goes on after a pause.
        """
        while self._pending is not None and self._socket.writable:
            message, size = self._next(self._pending)
            data = message.websocket
            self._socket.write(data)
            self._written += len(data)
            self._count(len(message.frames), size)
        if self._pending is None and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drain(self) -> None:
        self._open = False
        self.flush()
        if self._pending is not None:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def discard(self) -> None:
        super().discard()
        self._pending = None

    def _taken(self) -> int:
        return self._written - self._socket.buffered_bytes

    def _next(self, pending: list[Message]) -> tuple[Message, int]:
        """The next message to write, and for how many queued bytes it stands."""
        if len(pending) == 1:
            self._pending = None
            return pending[0], len(pending[0].payload)
        count = size = 0
        for message in pending:
            if count and size + len(message.payload) > self._settings.frame_bytes:
                break
            count += 1
            size += len(message.payload)
        self._pending = pending[count:] or None
        if count == 1:
            return pending[0], size
        frames = [frame for message in pending[:count] for frame in message.frames]
        return Message(self._codec, frames), size
