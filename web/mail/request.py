"""Letters that are asked for now and written later, when nobody waits for an answer any more.

Whether there is a letter at all, and which, says something of the address: that there is an
account, for instance. So whoever asks has the same done for every address: one row of the outbox,
sealed, durable before the answer. A deliverer takes it out as it does letters, and has the letter
written by the one who knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

# What the outbox calls all of them: it is not to say who asked for what.
KIND: Final = "request"

# Queues what letters there are to be. May be called again with the same request, also after it had
# done its work: letters are queued under `letter_id`. Raises RecordsUnavailable for "not now".
Write = Callable[[Any, UUID], Awaitable[None]]


class LetterRequest(Struct, frozen=True):
    """What is sealed in the outbox. `topic` says whose it is, `body` is that one's own."""

    topic: str
    body: bytes


class NobodyWrites(Exception):
    """This process does not know letters of that topic; another, newer one may."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"nobody here writes letters of the topic {topic}")
        self.topic = topic


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LetterRequest).decode


def packed(request: Struct) -> bytes:
    return _encode(LetterRequest(type(request).__name__, _encode(request)))


def letter_id(request_id: UUID, kind: str) -> UUID:
    """Of a letter that a request leads to: however often it is written, it is sent once."""
    return uuid5(request_id, kind)


class LetterWriters:
    """Who writes what: the type of each request, and what is called with one."""

    def __init__(self, *writers: Mapping[type[Struct], Write]) -> None:
        self._writers = {
            wanted.__name__: (msgspec.msgpack.Decoder(wanted), write)
            for some in writers
            for wanted, write in some.items()
        }

    async def write(self, request: bytes, id_: UUID) -> None:
        """Raises NobodyWrites, msgspec.MsgspecError, and what the writer does."""
        found = _decode(request)
        if found.topic not in self._writers:
            raise NobodyWrites(found.topic)
        decoder, write = self._writers[found.topic]
        await write(decoder.decode(found.body), id_)
