"""How records lie in a file: each behind its length and its checksum. Pure.

    file    = magic (8 bytes), frame …
    frame   = length (4 bytes, big-endian, of the payload), CRC-32 (4 bytes, over length and
              payload), payload (1 to MAX_PAYLOAD bytes)

A reader takes frames for as long as they are whole and right, and no further: what follows a broken
one may be anything. A run of zeros, which a crash can leave at a file's end, is no frame.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from msgspec import Struct

MAGIC: Final = b"MXSPOOL\x01"
# The largest body of a request is a quarter of it; anything longer is a broken length.
MAX_PAYLOAD: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">II")


class Frames(Struct, frozen=True):
    """What was read: each payload with the offset of its frame, and where the last frame ends."""

    payloads: tuple[tuple[int, bytes], ...]
    end: int


def frame(payload: bytes) -> bytes:
    """One frame. Raises ValueError where the payload is empty or too long."""
    if not 0 < len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"a payload is 1 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(_checksum(length, payload)) + payload


def read_frames(data: bytes, offset: int = 0) -> Frames:
    """The whole and right frames at the beginning of `data`, which lies at `offset` of its file."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        begin, end = at + _HEAD.size, at + _HEAD.size + length
        if not 0 < length <= MAX_PAYLOAD or end > len(data):
            break
        payload = data[begin:end]
        if _checksum(data[at : at + _LENGTH.size], payload) != checksum:
            break
        found.append((offset + at, payload))
        at = end
    return Frames(tuple(found), offset + at)


def read_file(data: bytes) -> Frames:
    """The frames of a whole file; none, ending at 0, where it does not begin with the magic."""
    if data[: len(MAGIC)] != MAGIC:
        return Frames((), 0)
    return read_frames(data[len(MAGIC) :], len(MAGIC))


def _checksum(length: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(length))
