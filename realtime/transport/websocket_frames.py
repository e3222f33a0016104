"""RFC 6455 framing, the server's side, without I/O: bytes in, messages and control frames out.

Client frames must be masked, server frames are not. No extension is spoken, so the reserved bits
are always zero.
"""

from __future__ import annotations

import struct

from websockets.speedups import apply_mask

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

PROTOCOL_ERROR = 1002
INVALID_DATA = 1007
MESSAGE_TOO_BIG = 1009

_CONTROL = 0x8
_FIN = 0x80
_MASKED = 0x80
_MAX_CONTROL_BYTES = 125


class FramingError(Exception):
    """The peer does not keep to the protocol. `code`: what to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message or control frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return b"%c%c%b" % (_FIN | opcode, size, payload)
    if size < 65536:
        return struct.pack("!BBH", _FIN | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FIN | opcode, 127, size) + payload


def close_payload(code: int, reason: str) -> bytes:
    """The payload of a close frame. The reason is cut where it does not fit (123 bytes)."""
    text = reason.encode()[: _MAX_CONTROL_BYTES - 2].decode(errors="ignore")
    return struct.pack("!H", code) + text.encode()


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Code and reason of a close frame; no code where the peer gave none. Raises FramingError."""
    if not payload:
        return None, ""
    if len(payload) < 2:
        raise FramingError(PROTOCOL_ERROR, "a close frame with half a code")
    (code,) = struct.unpack_from("!H", payload)
    if not _may_travel(code):
        raise FramingError(PROTOCOL_ERROR, "a close code that is not to be sent")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FramingError(INVALID_DATA, "the reason is not UTF-8") from None


def _may_travel(code: int) -> bool:
    """RFC 6455 §7.4 and the IANA registry: 1004-1006 and 1015 never stand in a frame."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class FrameReader:
    """`feed` bytes as they come, then take with `next` until there is none. An idle one holds no
    buffer. After a FramingError it is of no more use.
    """

    __slots__ = ("_at", "_buffer", "_fragments", "_gathered", "_max_bytes", "_opcode")

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes`: of one message, its fragments taken together."""
        self._max_bytes = max_bytes
        self._buffer: bytes = b""
        self._at = 0
        self._fragments: list[bytes] | None = None
        self._gathered = 0
        self._opcode = 0

    @property
    def buffered(self) -> bool:
        """Whether there are bytes that `next` has not consumed."""
        return self._at < len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer[self._at :] + data if self._buffer else data
        self._at = 0

    def next(self) -> tuple[int, bytes] | None:
        """The next whole message (TEXT or BINARY) or control frame: opcode and payload.

        None: more bytes are needed. Text is valid UTF-8. Raises FramingError.
        """
        while True:
            found = self._frame()
            if found is None:
                return None
            first, payload = found
            if first == _FIN | TEXT and self._fragments is None:  # what nearly all of them are
                return TEXT, _text(payload)
            opcode = first & 0x0F
            if opcode & _CONTROL:
                return opcode, payload
            message = self._assemble(opcode, payload, bool(first & _FIN))
            if message is not None:
                return message

    def _frame(self) -> tuple[int, bytes] | None:
        """The next frame's first byte and its unmasked payload."""
        buffer, at = self._buffer, self._at
        have = len(buffer) - at
        if have < 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        size = second & 0x7F
        self._check(first, second, size)
        head = 2
        if size == 126:
            if have < 4:
                return None
            size = buffer[at + 2] << 8 | buffer[at + 3]
            head = 4
        elif size == 127:
            if have < 10:
                return None
            size = int.from_bytes(buffer[at + 2 : at + 10], "big")
            head = 10
        if size + self._gathered > self._max_bytes and not first & _CONTROL:
            raise FramingError(MESSAGE_TOO_BIG, "message size limit")
        if have < head + 4 + size:
            return None
        start = at + head + 4
        end = start + size
        payload = apply_mask(buffer[start:end], buffer[start - 4 : start]) if size else b""
        if end == len(buffer):
            self._buffer, self._at = b"", 0
        else:
            self._at = end
        return first, payload

    def _check(self, first: int, second: int, size: int) -> None:
        if first & 0x70:
            raise FramingError(PROTOCOL_ERROR, "reserved bits are set")
        if not second & _MASKED:
            raise FramingError(PROTOCOL_ERROR, "a client's frame is not masked")
        opcode = first & 0x0F
        if opcode > PONG or BINARY < opcode < CLOSE:
            raise FramingError(PROTOCOL_ERROR, "an unknown opcode")
        if opcode & _CONTROL and (size > _MAX_CONTROL_BYTES or not first & _FIN):
            raise FramingError(PROTOCOL_ERROR, "a control frame that is long or in parts")

    def _assemble(self, opcode: int, payload: bytes, last: bool) -> tuple[int, bytes] | None:
        """Put a data frame to its message; the message, when it is whole."""
        fragments = self._fragments
        if (opcode == CONTINUATION) is (fragments is None):
            raise FramingError(PROTOCOL_ERROR, "messages in parts do not fit together")
        if fragments is None:
            self._opcode = opcode
            if last:
                return opcode, payload if opcode == BINARY else _text(payload)
            self._fragments = fragments = []
        fragments.append(payload)
        self._gathered += len(payload)
        if not last:
            return None
        whole = b"".join(fragments)
        self._fragments, self._gathered = None, 0
        return self._opcode, whole if self._opcode == BINARY else _text(whole)


def _text(payload: bytes) -> bytes:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FramingError(INVALID_DATA, "text that is not UTF-8") from None
    return payload
