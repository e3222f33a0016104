"""A WebSocket on a TCP connection of our own: from the event loop's bytes to a Connection and back.

There is no task and no queue for a connection: what is read is given to its Connection at once, and
its outbox writes straight to the transport. The HTTP handshake comes before this (see
websocket_handshake.py).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

from realtime.codes import (
    DISCONNECT_INAPPROPRIATE_PROTOCOL,
    DISCONNECT_INVALID_DATA,
    DISCONNECT_MESSAGE_SIZE,
    DISCONNECT_PROTOCOL_ERROR,
    Disconnect,
)
from realtime.protocol.codec import Codec
from realtime.session.connection import Connection
from realtime.settings import RealtimeSettings
from realtime.transport.outbox_socket import RawSocket, SocketOutbox
from realtime.transport.websocket_frames import (
    CLOSE,
    INVALID_DATA,
    MESSAGE_TOO_BIG,
    PING,
    PONG,
    PROTOCOL_ERROR,
    FrameReader,
    FramingError,
    close_payload,
    frame,
    parse_close,
)

_MESSAGES_A_TURN = 16
"""Messages of one socket that are handled before others get their turn. One read may bring 256 KB,
which is tens of thousands of commands."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for zero seconds: what the kernel holds for one who does not read is dropped."""

_FAILURES = {
    PROTOCOL_ERROR: DISCONNECT_PROTOCOL_ERROR,
    INVALID_DATA: DISCONNECT_INVALID_DATA,
    MESSAGE_TOO_BIG: DISCONNECT_MESSAGE_SIZE,
}


class Node(Protocol):
    """What the transport needs of the server."""

    @property
    def settings(self) -> RealtimeSettings: ...

    def open(self, transport: RawSocket, codec: Codec, address: str) -> Connection: ...


class WebSocket(asyncio.Protocol, RawSocket):
    """Made when the handshake is done, and then told of what comes on `transport`.

    | state   | what comes in                        | ends                                     |
    | ------- | ------------------------------------ | ---------------------------------------- |
    | open    | commands, pings                      | close: → closing. peer's close: answered |
    | closing | nothing counts but the peer's close  | with it, or by a timer                   |
    | failed  | nothing counts, it makes no sense    | by the timer, or with the peer           |
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_failed",
        "_outbox",
        "_reader",
        "_settings",
        "_stalled",
        "_timer",
        "_transport",
        "writable",
    )

    def __init__(self, transport: asyncio.Transport, settings: RealtimeSettings) -> None:
        self.writable = True
        self._transport = transport
        self._settings = settings
        self._reader = FrameReader(settings.max_message_bytes)
        self._connection: Connection | None = None
        self._outbox: SocketOutbox | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._failed = False
        self._stalled = False

    def open(self, node: Node, codec: Codec | None, address: str) -> None:
        """From here on the socket belongs to a connection of this node, which speaks `codec`."""
        if codec is None:
            self._say_close(DISCONNECT_INAPPROPRIATE_PROTOCOL)
        else:
            self._connection = node.open(self, codec, address)

    def leave(self, why: Disconnect) -> None:
        """End it from the server's side, as soon as what is queued is written."""
        if self._connection is not None:
            self._connection.close(why)
        else:
            self._say_close(why)

    # From the event loop.

    def data_received(self, data: bytes) -> None:
        if self._failed:
            return
        self._reader.feed(data)
        if not self._stalled:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._failed = self._closing = True
        self.writable = False
        connection, self._connection, self._outbox = self._connection, None, None
        if connection is not None:
            connection.gone()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self._outbox is not None:
            self._outbox.flush()

    # What the peer says.

    def _read(self) -> None:
        """Handle what has come, but not too much of it in one turn of the loop."""
        reader = self._reader
        try:
            for _ in range(_MESSAGES_A_TURN):
                found = reader.next()
                if found is None:
                    return
                self._take(*found)
                if self._failed:
                    return
        except FramingError as error:
            self._fail(_FAILURES[error.code])
            return
        if reader.buffered and not self._transport.is_closing():
            self._stalled = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._stalled = False
        if self._failed:
            return
        self._read()
        if not self._stalled and not self._transport.is_closing():
            self._transport.resume_reading()

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._closed_by_peer(payload)
        elif self._closing:
            return
        elif opcode == PING:
            # Who does not read gets no pongs either: they would pile up.
            if self.writable:
                self.write(frame(PONG, payload))
        elif opcode != PONG and self._connection is not None:
            self._connection.receive(payload)

    def _closed_by_peer(self, payload: bytes) -> None:
        code, _ = parse_close(payload)
        self._failed = True  # RFC 6455 §5.5.1: nothing counts after a close frame
        if not self._closing:
            self._closing = True
            answer = close_payload(code, "") if code is not None else b""
            self._transport.write(frame(CLOSE, answer))
        self._transport.close()

    def _fail(self, why: Disconnect) -> None:
        """What comes can no longer be understood."""
        self._failed = True
        if self._closing:
            self._transport.close()
        else:
            self.leave(why)

    # From the outbox and the connection (see outbox_socket.RawSocket).

    @property
    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def attach(self, outbox: SocketOutbox) -> None:
        self._outbox = outbox

    def write(self, data: bytes) -> None:
        if not self._closing:
            self._transport.write(data)

    async def close(self, why: Disconnect) -> None:
        self._say_close(why)

    def _say_close(self, why: Disconnect) -> None:
        if self._closing:
            return
        self._closing = True
        self._transport.write(frame(CLOSE, close_payload(why.code, why.reason)))
        # RFC 6455 §7.1.1: the server ends the TCP connection, once the peer has answered.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._settings.close_timeout_s, self._end)

    def _end(self) -> None:
        """The peer did not answer. What the kernel has it may still get, with a last close code."""
        if self.buffered_bytes:
            self.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        raw = self._transport.get_extra_info("socket")
        if raw is not None and not self._transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
