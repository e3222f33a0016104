"""One message on its way out, made once for all who are given the same."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.protocol.codec import Codec
from realtime.transport.websocket_frames import BINARY, TEXT, frame


class Message:
    """Frames of one format, joined. `payload`: as message transports send it; `websocket`: as it
    stands on a TCP connection, header and all. Server frames are not masked (RFC 6455 §5.1), so
    these very bytes can be written to every socket; they are made when the first asks for them.
    """

    __slots__ = ("_binary", "_websocket", "frames", "payload")

    def __init__(self, codec: Codec, frames: Sequence[bytes]) -> None:
        self.frames = frames
        self.payload = codec.join(frames)
        self._binary = codec.binary
        self._websocket: bytes | None = None

    @property
    def websocket(self) -> bytes:
        if self._websocket is None:
            self._websocket = frame(BINARY if self._binary else TEXT, self.payload)
        return self._websocket
