"""UUIDv7 (RFC 9562 §5.7), made from given bits: no clock and no randomness in here."""

from __future__ import annotations

from hashlib import sha256


def uuid7(now_s: float, random74: int) -> str:
    """The UUIDv7 of a time (seconds since the epoch) and 74 bits, in its 36-character form."""
    ms = int(now_s * 1000) & ((1 << 48) - 1)
    rand_a = (random74 >> 62) & 0xFFF
    rand_b = random74 & ((1 << 62) - 1)
    text = f"{(ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def derive_id(now_s: float, command_id: str, purpose: str) -> str:
    """A UUIDv7 that the same command always leads to: its random bits are a hash of the command id.

    So a decision that is made again (a retry, a replay of the batch) names the same new thing.
    """
    digest = sha256(f"{command_id}\n{purpose}".encode()).digest()
    return uuid7(now_s, int.from_bytes(digest[:10], "big") >> 6)
