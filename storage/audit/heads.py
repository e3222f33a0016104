"""Chain heads: what is written to the object store, so that a shortened trail is found.

A hash chain shows what was changed inside it; that its end, or all of it, was cut off, or that it
was made anew from some row on, it cannot show. So the heads of all chains that grew are written out
now and then, as numbered objects of which each carries the digest of the one before. Whoever wants
to shorten the trail unseen must change the object store as well, where our credentials need no
right to delete (docs/audit.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from storage.audit.chain import Source

NO_DIGEST: Final = "0" * 64
PREFIX: Final = "audit"


class Head(Struct, frozen=True, array_like=True):
    """A chain's last row: its place and its hash, in hex."""

    seq: int
    hash: str


class Heads(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object. `prev`: digest of the object before, in hex. `at`: Unix seconds, of the reading.

    `chains`: by source and writer those that grew since the object before. `trail`: the id of the
    journal that the trail belongs to.
    """

    trail: str
    number: int
    at: float
    prev: str
    chains: Mapping[Source, Mapping[str, Head]]


class HeadStore(Protocol):
    """Where they are kept. Methods raise HeadsUnavailable."""

    async def put(self, key: str, body: bytes) -> None: ...

    async def keys(self, prefix: str) -> list[str]:
        """All that begin with `prefix`, sorted."""
        ...

    async def get(self, key: str) -> bytes: ...


encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decoder: Final = msgspec.json.Decoder(Heads)


def decode(body: bytes) -> Heads:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def digest(body: bytes) -> str:
    """What the next object calls `prev`."""
    return sha256(body).hexdigest()


def folder(trail: str) -> str:
    """The beginning of the keys of one trail's heads."""
    return f"{PREFIX}/{trail}/heads/"


def key_of(heads: Heads) -> str:
    """Numbered, so that keys sort by age, and dated, so that a period is found without reading."""
    moment = datetime.fromtimestamp(heads.at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{folder(heads.trail)}{heads.number:010d}-{moment}.json"


def number_in(key: str) -> int:
    """The number that a key names; 0 where it names none."""
    number = key.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isdecimal() else 0


def time_in(key: str) -> float:
    """The time that a key names, Unix seconds; 0 where it names none."""
    text = key.rpartition("-")[2].removesuffix(".json")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
