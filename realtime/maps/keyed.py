"""The port to where map channels keep their state, and the types of a map.

A map is a channel with a *state*: a value for each of its keys. Every change of a key, set or
removed, gets the next offset of the map's own count, 1, 2, 3, ...; the `epoch` names one life of
that count. What is kept is a **compacted log**: of each key the newest change alone, in the order
of offsets, and of a removed key the removal, for as long as there is room for it. So

* the state is the log without the removals;
* who knows the map as of offset n is up to date after the changes above n, however many changes
  of the same keys lie between: it costs keys, not changes, and no rate of change outruns it;
* only removals are ever forgotten. `floor` is the offset up to which some are: who stands below it
  may hold a key that is no more, and has to read the state anew.

`KeyedLog` (keyed_log.py) is that log in memory; `keyed_redis.py` keeps it in Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from realtime.publication import Peer, Publication, StreamPosition

MAX_KEY_LENGTH = 255
"""Characters in a key. Keys are kept once a change, in indexes: they are names, not payloads."""

ChangeMode = Literal["", "if_new", "if_exists"]
"""Whether a set also depends on the key: only where it is not there yet, or only where it is."""

NotApplied = Literal["", "key_exists", "key_not_found", "limit"]

_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0)]


class KeyedRetention(Struct, frozen=True):
    """What is kept of a map.

    `key_ttl_s`: a key that is not set again for so long is removed, 0: never. `removed_size`: how
    many removals are remembered for those who come back. `max_keys`: no more keys than that, 0:
    no limit. `meta_ttl_s`: a map that nobody changed for so long is forgotten, 0: never.
    """

    key_ttl_s: _Seconds = 0.0
    removed_size: _Count = 1000
    max_keys: _Count = 0
    meta_ttl_s: _Seconds = 0.0


class KeyedOptions(Struct, frozen=True):
    """What a map is like for its subscribers.

    `recoverable`: who comes back gets what it missed; otherwise the whole state again.
    `stream_size`: only who missed at most so many changes, 0: however many. `ordered`: the state
    comes by score, highest first, instead of by offset. `page_size` (and its bounds): keys in one
    reply. `conflation_s`: changes are gathered for so long and only the newest of each key leaves;
    0: each at once. `publish_debounce_ms`: at most how often clients should set one key.
    `remove_on_leave`: when a client leaves, the key that is its own id is removed.
    """

    retention: KeyedRetention = KeyedRetention()
    recoverable: bool = True
    stream_size: _Count = 0
    ordered: bool = False
    page_size: Annotated[int, Meta(ge=1)] = 100
    page_size_min: Annotated[int, Meta(ge=1)] = 1
    page_size_max: Annotated[int, Meta(ge=1)] = 1000
    conflation_s: _Seconds = 0.0
    publish_debounce_ms: _Count = 0
    remove_on_leave: bool = False

    def page(self, asked: int) -> int:
        """How many keys one reply has, for a client that asks for so many (0: it does not say)."""
        wanted = asked if asked > 0 else self.page_size
        return min(max(wanted, self.page_size_min), self.page_size_max)


class KeyedChange(Struct, frozen=True):
    """Set a key of a map to `data` or, with `removed`, take it away.

    A key that is not there cannot be removed: "key_not_found". `time`: Unix milliseconds. `whole`:
    see Publication.
    `refresh_ttl`: where the key is there already and `mode` is "if_new", its time to live begins
    anew: a sign of life that tells nobody anything.
    """

    channel: str
    key: str
    retention: KeyedRetention
    data: bytes = b""
    removed: bool = False
    info: Peer | None = None
    tags: dict[str, str] | None = None
    score: int = 0
    time: int = 0
    mode: ChangeMode = ""
    refresh_ttl: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.key) <= MAX_KEY_LENGTH:
            raise ValueError(f"a key has 1 to {MAX_KEY_LENGTH} characters")


class KeyedOutcome(Struct, frozen=True):
    """What became of a change: `reason` "" where it was made. `position`: where the map stands.

    "key_exists" and "key_not_found": its `mode` did not fit. "limit": there are `max_keys` keys.
    """

    position: StreamPosition
    reason: NotApplied = ""

    @property
    def applied(self) -> bool:
        return not self.reason


class KeyedSlice(Struct, frozen=True):
    """A run of a map's log, ascending; `position` is where the map stands, further on than the
    last of `changes` where a limit cut them off."""

    changes: tuple[Publication, ...]
    position: StreamPosition
    floor: int


class KeyedWriter(Protocol):
    """The writing side, all that a process without clients needs."""

    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        """Make the changes, in order, each in one step, and deliver them as `keyed` publications.

        Whether a change was made is not known after BrokerUnavailable. To set or remove the same
        again does no harm. A batch is not one transaction.
        """
        ...


class KeyedStore(KeyedWriter, Protocol):
    async def changes(self, channel: str, since: int, limit: int) -> KeyedSlice:
        """At most `limit` (at least 1) of the log's changes above offset `since`, ascending.

        A map that is not there yet is begun, so that it has an epoch. Raises BrokerUnavailable.
        """
        ...

    async def top(self, channel: str) -> StreamPosition | None:
        """Where the map stands; None where there is none. Raises BrokerUnavailable."""
        ...

    async def clear(self, channel: str) -> None:
        """Empty the map. It goes on under another epoch: all subscribers read it anew.

        Raises BrokerUnavailable.
        """
        ...

    async def expire(self) -> int:
        """Remove keys whose time has come, and have that delivered; returns how many.

        Every node calls it about once a second; each key is removed by one of them. Raises
        BrokerUnavailable.
        """
        ...


def change_publication(change: KeyedChange, position: StreamPosition) -> Publication:
    """A change as it is kept and delivered."""
    return Publication(
        change.channel,
        b"" if change.removed else change.data,
        position.offset,
        position.epoch,
        change.key,
        "keyed",
        change.info,
        change.tags,
        change.time,
        change.removed,
        change.score,
        change.whole,
    )


def beginning(channel: str, epoch: str) -> Publication:
    """Tells the nodes that a map has begun anew, empty, under this epoch. It changes no key."""
    return Publication(channel, b"", 1, epoch, "", "keyed", removed=True)
