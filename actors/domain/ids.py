"""UUIDv7 (RFC 9562 §5.7), made from given bits: no clock and no randomness in here."""

from __future__ import annotations

from hashlib import sha256

_TIME = (1 << 48) - 1
_RAND_B = (1 << 62) - 1
_VARIANT = 0b10 << 62


def uuid7(now_s: float, random74: int) -> str:
    """The UUIDv7 of a time (seconds since the epoch) and 74 bits, in its 36-character form."""
    time = f"{int(now_s * 1000) & _TIME:012x}"
    rand_b = f"{_VARIANT | random74 & _RAND_B:016x}"
    return f"{time[:8]}-{time[8:]}-7{random74 >> 62 & 0xFFF:03x}-{rand_b[:4]}-{rand_b[4:]}"


def derive_id(now_s: float, command_id: str, purpose: str) -> str:
    """A UUIDv7 that the same command always leads to: its random bits are a hash of the command id.

    So a decision that is made again (a retry, a replay of the batch) names the same new thing.
    """
    digest = sha256(f"{command_id}\n{purpose}".encode()).digest()
    return uuid7(now_s, int.from_bytes(digest[:10], "big") >> 6)
