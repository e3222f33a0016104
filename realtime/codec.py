"""How protocol messages become bytes: one implementation a format (`codec_json.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw

from realtime.protocol import Command, Push, Reply
from realtime.publication import Publication


class Codec(Protocol):
    """Stateless; the same object serves every connection, so its outputs can be shared by them."""

    binary: bool
    """Whether frames travel as binary WebSocket messages."""
    ping: bytes

    def decode(self, message: bytes, limit: int) -> list[Command]:
        """The commands of one message. Raises MalformedFrame, also for more than `limit`."""
        ...

    def payload(self, data: bytes) -> Raw:
        """An application's payload, made fit for this format. Raises UnencodablePayload."""
        ...

    def reply(self, reply: Reply) -> bytes:
        """A reply, as a frame."""
        ...

    def push(self, push: Push) -> bytes:
        """A push, as a frame."""
        ...

    def publication(self, publication: Publication) -> bytes:
        """A publication as a push frame, for all its readers. Raises UnencodablePayload."""
        ...

    def join(self, frames: Sequence[bytes]) -> bytes:
        """One message out of several frames."""
        ...
