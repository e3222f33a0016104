"""What travels through brokers: publications, positions in streams, slices of history."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Delivery = Literal["fact", "latest", "signal", "join", "leave", "keyed"]


class Peer(Struct, frozen=True, array_like=True, gc=False):
    """The client behind a publication, a join or a leave, as other clients see it.

    `conn_info` and `chan_info` are JSON payloads, b"" where there is none.
    """

    user: str
    client: str
    conn_info: bytes = b""
    chan_info: bytes = b""


class Publication(Struct, frozen=True, array_like=True, gc=False):
    """One message on a channel. `data` is opaque here; JSON clients need it to be JSON.

    * `fact`: every one, once, in order. `offset` counts 1, 2, 3, ... without holes per channel and
      `epoch` names the journal that counts; the same (epoch, offset) always has the same data.
    * `latest`: the newest for each `key` ("" where the channel has one value only).
    * `signal`: at most once, to whom is there.
    * `join`, `leave`: a signal that `info` has come to the channel or left it, without data.

    * `keyed`: one change of a map channel: `key` set to `data` or, with `removed`, taken away.
      `offset` and `epoch` are the map's own count (see `keyed.py`); brokers only pass it on.

    `time`: Unix milliseconds, 0 where nobody wants to know. `score` orders the keys of a map.
    `whole`: never sent as a delta, also to those who take deltas.

    Brokers may carry it as a msgpack array: add new fields at the end, with defaults.
    """

    channel: str
    data: bytes
    offset: int = 0
    epoch: str = ""
    key: str = ""
    delivery: Delivery = "fact"
    info: Peer | None = None
    tags: dict[str, str] | None = None
    time: int = 0
    removed: bool = False
    score: int = 0
    whole: bool = False

    def __post_init__(self) -> None:
        if self.delivery in ("fact", "keyed") and (self.offset < 1 or not self.epoch):
            needs = "needs offset >= 1 and an epoch"
            raise ValueError(f"a {self.delivery} on {self.channel!r} {needs}")


class Retention(Struct, frozen=True):
    """What is kept of a channel whose stream the broker itself counts.

    `size`: publications, at least 1. `ttl_s`: a stream that was quiet for so long is dropped.
    `meta_ttl_s`: its epoch and top are known for so long (longer than `ttl_s`), 0 for ever.
    """

    size: int
    ttl_s: float
    meta_ttl_s: float = 30 * 24 * 3600.0


class Append(Struct, frozen=True):
    """A publication to be put behind the newest of its channel's stream, wherever that is.

    For channels without a journal: the broker gives it the offset. `idempotency_key`: a repeat
    within some minutes gets the first one's position and changes nothing. `whole`: see Publication.
    """

    channel: str
    data: bytes
    retention: Retention
    info: Peer | None = None
    tags: dict[str, str] | None = None
    idempotency_key: str = ""
    whole: bool = False


class StreamPosition(Struct, frozen=True, gc=False):
    """After which publication of which stream. Offset 0: before the first."""

    offset: int
    epoch: str


class HistorySlice(Struct, frozen=True):
    """Facts of one channel in ascending order, and how far that channel goes.

    `top_offset` is the newest offset there is; it is beyond the last of `publications` where a
    limit cut them off.
    """

    publications: tuple[Publication, ...]
    top_offset: int
    epoch: str

    def follows(self, offset: int) -> bool:
        """Whether the publications go on from `offset` without a hole and stop only at a limit."""
        for expected, publication in enumerate(self.publications, offset + 1):
            if publication.offset != expected:
                return False
        return bool(self.publications) or self.top_offset == offset
