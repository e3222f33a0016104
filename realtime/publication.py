"""What travels through brokers: publications, positions in streams, slices of history."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Delivery = Literal["fact", "latest", "signal"]


class Publication(Struct, frozen=True, array_like=True, gc=False):
    """One message on a channel. `data` is opaque here; JSON clients need it to be JSON.

    * `fact`: every one, once, in order. `offset` counts 1, 2, 3, ... without holes per channel and
      `epoch` names the journal that counts; the same (epoch, offset) always has the same data.
    * `latest`: the newest for each `key` ("" where the channel has one value only).
    * `signal`: at most once, to whom is there.

    Brokers may carry it as a msgpack array: add new fields at the end, with defaults.
    """

    channel: str
    data: bytes
    offset: int = 0
    epoch: str = ""
    key: str = ""
    delivery: Delivery = "fact"

    def __post_init__(self) -> None:
        if self.delivery == "fact" and (self.offset < 1 or not self.epoch):
            raise ValueError(f"a fact on {self.channel!r} needs offset >= 1 and an epoch")


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
