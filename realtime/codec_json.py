"""The JSON format: one object a line, several lines a message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from realtime.errors import MalformedFrame, UnencodablePayload
from realtime.protocol import Command, PublicationMessage, Push, Reply
from realtime.publication import Publication

_commands = msgspec.json.Decoder(Command)
_anything = msgspec.json.Decoder(Raw)
_encode = msgspec.json.Encoder().encode


class JsonCodec:
    """Payloads are JSON values, embedded as they are."""

    binary = False
    ping = b"{}"

    def decode(self, message: bytes, limit: int) -> list[Command]:
        if message.count(b"\n") > limit:
            raise MalformedFrame(f"more than {limit} lines in a message")
        try:
            message.decode()  # msgspec does not look into Raw parts, which we hand on as UTF-8
            commands = _commands.decode_lines(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedFrame(str(error)) from error
        if len(commands) > limit:
            raise MalformedFrame(f"more than {limit} commands in a message")
        return commands

    def payload(self, data: bytes) -> Raw:
        try:
            data.decode()
            _anything.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnencodablePayload(f"not JSON: {error}") from error
        # Newlines divide frames. In JSON they can only stand between tokens, where a space will do.
        return Raw(data.replace(b"\n", b" "))

    def reply(self, reply: Reply) -> bytes:
        return _encode(reply)

    def push(self, push: Push) -> bytes:
        return _encode(Reply(push=push))

    def publication(self, publication: Publication) -> bytes:
        message = PublicationMessage(self.payload(publication.data), publication.offset)
        return _encode(Reply(push=Push(channel=publication.channel, pub=message)))

    def join(self, frames: Sequence[bytes]) -> bytes:
        return frames[0] if len(frames) == 1 else b"\n".join(frames)


JSON = JsonCodec()
