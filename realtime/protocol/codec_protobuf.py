"""The Protobuf format: replies and commands one behind the other, each behind its length."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from realtime.errors import MalformedFrame
from realtime.protocol.codec import publication_push
from realtime.protocol.messages import Command, EmulationRequest, Push, Reply
from realtime.protocol.protobuf_schema import COMMAND, EMULATION_REQUEST, PUSH, REPLY
from realtime.protocol.protobuf_wire import WireError, read_span, varint
from realtime.publication import Publication

_PONG = Command()
# The tags below: field number << 3 | 2, a length follows; | 0, a number.
_REPLY_PUSH = b"\x22"
_PUSH_CHANNEL = b"\x12"
_PUSH_PUB = b"\x22"
_PUB_DATA = b"\x22"
_PUB_OFFSET = b"\x30"
_PUB_TIME = b"\x48"


class ProtobufCodec:
    """Payloads are bytes of any kind, embedded as they are."""

    binary = True
    ping = b"\x00"

    def decode(self, message: bytes, limit: int) -> list[Command]:
        commands: list[Command] = []
        at, end = 0, len(message)
        try:
            while at < end:
                start, at = read_span(message, at, end)
                if len(commands) == limit:
                    raise MalformedFrame(f"more than {limit} commands in a message")
                commands.append(COMMAND.decode(message, (start, at)) if at > start else _PONG)
        except WireError as error:
            raise MalformedFrame(str(error)) from error
        return commands

    def emulated(self, body: bytes) -> EmulationRequest:
        try:
            request: EmulationRequest = EMULATION_REQUEST.decode(body)
        except WireError as error:
            raise MalformedFrame(str(error)) from error
        return request

    def payload(self, data: bytes) -> Raw:
        return Raw(data)

    def delta(self, data: bytes) -> Raw:
        return Raw(data)

    def reply(self, reply: Reply) -> bytes:
        data = REPLY.encode(reply)
        return varint(len(data)) + data

    def push(self, push: Push) -> bytes:
        return _pushed(PUSH.encode(push))

    def publication(self, publication: Publication) -> bytes:
        # Most have no more than these, and it is once for each publication that this runs: laid by
        # hand it takes a third of the time.
        if publication.info or publication.tags or publication.key:
            return self.push(publication_push(self, publication))
        data = publication.data
        pub = _PUB_DATA + varint(len(data)) + data if data else b""
        if publication.offset:
            pub += _PUB_OFFSET + varint(publication.offset)
        if publication.time:
            pub += _PUB_TIME + varint(publication.time)
        channel = publication.channel.encode()
        return _pushed(
            b"".join(
                (_PUSH_CHANNEL, varint(len(channel)), channel, _PUSH_PUB, varint(len(pub)), pub)
            )
        )

    def join(self, frames: Sequence[bytes]) -> bytes:
        return frames[0] if len(frames) == 1 else b"".join(frames)


def _pushed(push: bytes) -> bytes:
    """A push as a frame: in a reply, behind its length."""
    reply = _REPLY_PUSH + varint(len(push)) + push
    return varint(len(reply)) + reply


PROTOBUF = ProtobufCodec()
