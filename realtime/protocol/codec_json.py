"""The JSON format: one object a line, several lines a message."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from realtime.errors import MalformedFrame, UnencodablePayload
from realtime.protocol.codec import publication_push
from realtime.protocol.messages import Command, EmulationRequest, Push, Reply
from realtime.publication import Publication

_commands = msgspec.json.Decoder(Command)
_emulation_request = msgspec.json.Decoder(EmulationRequest)
_string = msgspec.json.Decoder(str)
_anything = msgspec.json.Decoder(Raw)
_encode = msgspec.json.Encoder().encode
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


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
        except _FAULTS as error:
            raise MalformedFrame(str(error)) from error
        if len(commands) > limit:
            raise MalformedFrame(f"more than {limit} commands in a message")
        return commands

    def emulated(self, body: bytes) -> EmulationRequest:
        try:
            request = _emulation_request.decode(body)
            # SDKs send the commands as the text that they would have written to a socket.
            data = _string.decode(request.data).encode()
        except (*_FAULTS, UnicodeEncodeError) as error:
            raise MalformedFrame(str(error)) from error
        return EmulationRequest(request.node, request.session, Raw(data))

    def payload(self, data: bytes) -> Raw:
        try:
            data.decode()
            _anything.decode(data)
        except _FAULTS as error:
            raise UnencodablePayload(f"not JSON: {error}") from error
        # Newlines divide frames, and event streams break lines at returns, too. In JSON both can
        # only stand between tokens, where a space will do.
        return Raw(data.replace(b"\n", b" ").replace(b"\r", b" "))

    def delta(self, data: bytes) -> Raw:
        try:
            return Raw(_encode(data.decode()))
        except UnicodeDecodeError as error:
            raise UnencodablePayload("not a text") from error

    def reply(self, reply: Reply) -> bytes:
        return _encode(reply)

    def push(self, push: Push) -> bytes:
        return _encode(Reply(push=push))

    def publication(self, publication: Publication) -> bytes:
        return self.push(publication_push(self, publication))

    def join(self, frames: Sequence[bytes]) -> bytes:
        return frames[0] if len(frames) == 1 else b"\n".join(frames)


JSON = JsonCodec()
