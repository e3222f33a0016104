"""What the spool keeps, and what it tells of it. Times are Unix seconds.

Ids are in the clear, so that the spool can be worked with while no key is at hand; everything a
person said is inside `sealed`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct


class Spooled(Struct, frozen=True, array_like=True, tag="raised"):
    """An emergency that was accepted. `fingerprint` tells a repeat from another request under the
    same command id; `at`: when it came in."""

    command_id: str
    fingerprint: bytes
    emergency_id: str
    patient_id: str
    at: float
    sealed: bytes


class Settled(Struct, frozen=True, array_like=True, tag="settled"):
    """The emergency of this command is in the journal, or among the dead letters."""

    command_id: str


class Key(Struct, frozen=True, array_like=True):
    """Which emergency a command stands for. `logged`: its caller was told of the spool."""

    command_id: str
    fingerprint: bytes
    emergency_id: str
    at: float
    logged: bool


class DeadLetter(Struct, frozen=True, array_like=True):
    """An emergency that can never be raised. `reason`: a problem's slug, for machines."""

    spooled: Spooled
    reason: str
    at: float


class Place(Struct, frozen=True):
    """Where a frame lies."""

    segment: str
    offset: int


class Waiting(Struct, frozen=True):
    """An emergency that waits to be replayed; its sealed part is read when it is needed."""

    command_id: str
    fingerprint: bytes
    emergency_id: str
    patient_id: str
    at: float
    place: Place


class Standing(Struct, frozen=True):
    """How a command stands before it is tried.

    `emergency_id`, `at`: what it stands for, from its first time on. `logged`: its caller was told
    of the spool, and is told the same again. `behind`: earlier emergencies of the patient wait.
    """

    emergency_id: str
    at: float
    logged: bool
    behind: bool


class Buried(Struct, frozen=True):
    """A dead letter as it is shown."""

    emergency_id: str
    patient_id: str
    reason: str
    received_at: float
    buried_at: float


class Summary(Struct, frozen=True):
    """`depth`: emergencies that wait; `oldest_at`: when the first of them came in.

    `unreadable`: whole records that this version does not understand; their file is kept.
    `damaged`: how often something was cut off because it was not whole; kept in files.
    """

    depth: int = 0
    oldest_at: float | None = None
    dead: tuple[Buried, ...] = ()
    unreadable: int = 0
    damaged: int = 0


_encoder: Final = msgspec.msgpack.Encoder()
_raised: Final[msgspec.msgpack.Decoder[Spooled | Settled]] = msgspec.msgpack.Decoder(
    Spooled | Settled
)
_key: Final = msgspec.msgpack.Decoder(Key)
_dead: Final = msgspec.msgpack.Decoder(DeadLetter)


def encode(record: Spooled | Settled | Key | DeadLetter) -> bytes:
    return _encoder.encode(record)


def decode_raised(payload: bytes) -> Spooled | Settled | None:
    """None where this version does not understand it."""
    try:
        return _raised.decode(payload)
    except msgspec.MsgspecError:
        return None


def decode_key(payload: bytes) -> Key | None:
    """As `decode_raised`."""
    try:
        return _key.decode(payload)
    except msgspec.MsgspecError:
        return None


def decode_dead(payload: bytes) -> DeadLetter | None:
    """As `decode_raised`."""
    try:
        return _dead.decode(payload)
    except msgspec.MsgspecError:
        return None
