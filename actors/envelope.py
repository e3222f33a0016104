"""What travels between router and shard: commands on the way in, replies on the way back.

Array-like msgspec Structs in MessagePack; the command and the answer inside are JSON bytes that
the transport does not look into, so a batch is cheap to take apart.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b

import msgspec
from msgspec import Struct

from actors.domain.kernel import DomainError, EntityRef, Role, Tie
from actors.errors import (
    BadCommand,
    Busy,
    CommandIdReused,
    RuntimeFault,
    Unavailable,
    WrongShard,
)


class Envelope(Struct, frozen=True, array_like=True, gc=False):
    """One command on its way. `expires_at`: epoch seconds after which nobody waits for the answer.

    `outbox`: this is a message out of the outbox; its row goes with the commit that handles it.
    `read`: it may change nothing, and so its answer is not kept; repeated, it is read anew.
    `ties`: of the sender, as its door found them.
    `said`: the fingerprint of what the caller said, where the door made the command of it with what
    it looked up: another look-up must not make another command of a repeat. Empty: of `body`.
    `refusal`: the door has found that it cannot be done (JSON of a Refusal): that is the command's
    answer, unless the command has one already. It is not decoded then.
    """

    kind: str
    entity: str
    id: str
    role: Role
    subject: str
    body: bytes
    expires_at: float
    urgent: bool = False
    outbox: bool = False
    read: bool = False
    ties: tuple[Tie, ...] = ()
    said: bytes = b""
    refusal: bytes = b""

    @property
    def ref(self) -> EntityRef:
        return EntityRef(self.kind, self.entity)

    @property
    def fingerprint(self) -> bytes:
        """What a repeat is known by."""
        return self.said or fingerprint(self.body)


class Status(IntEnum):
    """How a command ended. Below RETRY the answer is final and stored with the command's id."""

    OK = 0
    REFUSED = 1
    ID_REUSED = 2
    BAD_COMMAND = 3
    FAULT = 4
    BUSY = 10
    UNAVAILABLE = 11
    WRONG_SHARD = 12

    @property
    def retryable(self) -> bool:
        return self >= Status.BUSY


class Reply(Struct, frozen=True, array_like=True, gc=False):
    """The answer to one envelope: JSON of the answer, of a Refusal, or UTF-8 text of a fault."""

    status: Status
    body: bytes = b""


class Refusal(Struct, frozen=True):
    """A DomainError in JSON."""

    code: str
    message: str
    allowed: tuple[str, ...] = ()


class SignalEnvelope(Struct, frozen=True, array_like=True, gc=False):
    """Telemetry on its way to an entity: best effort, unacknowledged."""

    kind: str
    entity: str
    body: bytes

    @property
    def ref(self) -> EntityRef:
        return EntityRef(self.kind, self.entity)


_msgpack = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_envelopes = msgspec.msgpack.Decoder(list[Envelope])
_replies = msgspec.msgpack.Decoder(list[Reply])
_signals = msgspec.msgpack.Decoder(list[SignalEnvelope])
_refusal = msgspec.json.Decoder(Refusal)

encode = _msgpack.encode
to_json = _json.encode
decode_envelopes = _envelopes.decode
decode_replies = _replies.decode
decode_signals = _signals.decode

_FAULTS: dict[Status, type[RuntimeFault]] = {
    Status.ID_REUSED: CommandIdReused,
    Status.BAD_COMMAND: BadCommand,
    Status.FAULT: RuntimeFault,
    Status.BUSY: Busy,
    Status.UNAVAILABLE: Unavailable,
    Status.WRONG_SHARD: WrongShard,
}


def fingerprint(body: bytes) -> bytes:
    """Eight bytes that tell a repeat of a command from another command under the same id."""
    return blake2b(body, digest_size=8).digest()


def refused(error: DomainError) -> Reply:
    return Reply(Status.REFUSED, refusal(error))


def refusal(error: DomainError) -> bytes:
    """JSON of a Refusal."""
    return to_json(Refusal(error.code, error.message, error.allowed))


def result(reply: Reply) -> bytes:
    """The answer's JSON. Raises the DomainError or RuntimeFault that the reply stands for."""
    if reply.status is Status.OK:
        return reply.body
    if reply.status is Status.REFUSED:
        refusal = _refusal.decode(reply.body)
        raise DomainError(refusal.code, refusal.message, refusal.allowed)
    raise _FAULTS[reply.status](reply.body.decode())
