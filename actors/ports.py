"""What the runtime needs from the world, as Protocols.

Implementations: `journal_memory.py` here and `storage/journal_postgres.py`; publishers are made
from a realtime broker in `web/`; transports are `local.py` and `cluster.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from actors.envelope import Envelope, Reply

# A message that is still in the outbox may be brought again, by somebody who read it long ago.
ANSWER_MARGIN_S: Final = 3600.0


class Record(Struct, frozen=True):
    """An entity as stored: its newest snapshot and the events after it (JSON each).

    `version` 0 and no snapshot: it was never written.
    """

    version: int = 0
    snapshot: bytes | None = None
    tail: tuple[bytes, ...] = ()


# `patient`, in the rows that hold text: whose private data is in it where it does not say so itself
# (Behaviour.concerns). For whoever seals it on its way to a store; it is no column of any.


class JournalRow(Struct, frozen=True, gc=False):
    """One event. `publication`: what subscribers of the entity's fact channel got at `version`."""

    ref: str
    version: int
    at: float
    command_id: str
    event: bytes
    publication: bytes | None
    patient: str | None = None


class EntityRow(Struct, frozen=True, gc=False):
    """Where an entity stands after the commit. `snapshot` None: leave the stored one as it is."""

    ref: str
    slot: int
    version: int
    wake_at: float | None
    snapshot: bytes | None


class AnswerRow(Struct, frozen=True, gc=False):
    """The stored answer of a command id, so that a repeat gets it and changes nothing."""

    ref: str
    command_id: str
    fingerprint: bytes
    status: int
    body: bytes
    patient: str | None = None


class OutboxRow(Struct, frozen=True, gc=False):
    """A message to another entity, kept until the commit that handles it deletes it."""

    id: str
    source: str
    kind: str
    entity: str
    slot: int
    body: bytes
    at: float
    urgent: bool
    patient: str | None = None


class ClaimRow(Struct, frozen=True, gc=False):
    """A fact that is unique in the whole system, held by `holder` on behalf of entity `ref`."""

    key: str
    holder: str
    ref: str


class AuditRow(Struct, frozen=True, gc=False):
    """Who did what to whom, chained: `hash` covers the row and `prev`, the hash before it."""

    writer: str
    seq: int
    at: float
    role: str
    subject: str
    action: str
    ref: str
    version: int
    command_id: str
    prev: bytes
    hash: bytes


class Commit(Struct, frozen=True):
    """One group commit: all or none. `at`: when the shard made it; the age of its answers."""

    epochs: Mapping[int, int]
    at: float = 0.0
    journal: Sequence[JournalRow] = ()
    entities: Sequence[EntityRow] = ()
    answers: Sequence[AnswerRow] = ()
    outbox: Sequence[OutboxRow] = ()
    handled: Sequence[str] = ()
    claims: Sequence[ClaimRow] = ()
    releases: Sequence[tuple[str, str]] = ()
    audit: Sequence[AuditRow] = ()


def wanted_twice(claims: Sequence[ClaimRow]) -> frozenset[str]:
    """The keys that more than one row of a commit claims."""
    counted = Counter(row.key for row in claims)
    return frozenset(key for key, times in counted.items() if times > 1)


class Timer(Struct, frozen=True, gc=False):
    """A deadline read back at takeover."""

    ref: str
    due: float


class Published(Struct, frozen=True, gc=False):
    """A journal row read back for its publication."""

    seq: int
    ref: str
    version: int
    publication: bytes
    patient: str | None = None


class JournalError(Exception):
    """Base of what a journal may raise."""


class Fenced(JournalError):
    """A newer owner has taken one of the slots. The shard must stop at once."""


class DuplicateCommands(JournalError):
    """Some command ids were committed before; nothing of this commit was written.

    `answers` holds the stored answer for each (ref, command id) that was found.
    """

    def __init__(self, answers: Mapping[tuple[str, str], AnswerRow]) -> None:
        super().__init__(f"{len(answers)} command ids were handled before")
        self.answers = answers


class ClaimsTaken(JournalError):
    """Some claims are held by others, or wanted twice in this commit; nothing was written."""

    def __init__(self, keys: frozenset[str]) -> None:
        super().__init__(f"claims are held by others: {', '.join(sorted(keys))}")
        self.keys = keys


class JournalUnavailable(JournalError):
    """The database is out of reach, or was lost with the outcome unknown."""


class Rejected(JournalError):
    """The journal refuses the rows themselves: a retry cannot help. Nothing was written."""


class Journal(Protocol):
    """The truth: PostgreSQL in production, memory in pure tests; one contract suite for both."""

    async def take(
        self, slots: Sequence[int], owner: str, expect: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        """Raise the slots' epochs and return them. Commits under older epochs are Fenced from here.

        With `expect`: only while these are still the epochs, else Fenced (a newer owner is there).
        """

    async def load(self, refs: Sequence[str]) -> Mapping[str, Record]:
        """Records of the entities; one that was never written is missing from the result."""

    async def commit(self, commit: Commit) -> int:
        """Write all of it in one transaction and one round trip.

        Returns the highest journal sequence number written (0 without journal rows).
        Raises Fenced, DuplicateCommands, ClaimsTaken or Rejected, all of which mean that nothing
        was written, or JournalUnavailable, after which nobody knows.
        """

    async def timers(self, slots: Sequence[int]) -> Sequence[Timer]:
        """All deadlines of entities in these slots."""

    async def undelivered(
        self, slots: Sequence[int], before: float, limit: int, skip: Collection[str] = ()
    ) -> Sequence[OutboxRow]:
        """Outbox messages to entities in these slots, written by that time, but not those ids.

        Urgent ones first, then the oldest.
        """

    async def unpublished(self, slots: Sequence[int], limit: int) -> Sequence[Published]:
        """Publications above the slots' published watermark, in order of `seq`."""

    async def mark_published(self, epochs: Mapping[int, int], seq: int) -> None:
        """All publications of these slots up to `seq` have reached the streams."""

    async def history(self, ref: str, since: int, limit: int) -> tuple[int, Sequence[Published]]:
        """The entity's newest version, and its publications above `since`, ascending."""

    async def prune(self, slots: Sequence[int], before: float) -> int:
        """Forget answers of these slots that are older than that time; returns how many.

        Answers less than an hour older than the oldest message in the outbox are kept: it may be
        brought once more.
        """

    async def check(self, epochs: Mapping[int, int] | None = None) -> None:
        """Raise JournalUnavailable unless the journal can be reached.

        With `epochs`: Fenced unless these are the slots' epochs.
        """


class Outgoing(Struct, frozen=True, gc=False):
    """One publication on its way out, encoded once."""

    channel: str
    data: bytes
    delivery: Literal["fact", "latest"]
    offset: int = 0
    key: str = ""
    patient: str | None = None


class PublisherUnavailable(Exception):
    """The channel streams are out of reach; publish again later (repeats are dropped)."""


class Publisher(Protocol):
    """Takes publications to the channel streams."""

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """Raises PublisherUnavailable; then any part of the batch may have arrived."""


class Transport(Protocol):
    """How a router reaches shards."""

    shards: int

    async def submit(self, shard: int, envelopes: Sequence[Envelope]) -> Sequence[Reply]:
        """One call with many commands; replies in the same order. Raises Unavailable."""

    def signal(self, shard: int, payload: bytes) -> None:
        """Telemetry (encoded list of SignalEnvelope); fire and forget."""


class Clock(Protocol):
    """Time, so that tests can hold it still."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""

    async def sleep(self, seconds: float) -> None:
        """Return when `now` has moved on by that much."""
