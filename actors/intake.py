"""Commands between acceptance and answer: two bounded lanes, and what is known of each command id.

A command is *pending* from the moment it is accepted until it is resolved, through every load,
execution, failed commit and second execution in between; the bounds count exactly these. A repeat
of a pending command waits for the same answer; a repeat of an answered one gets the answer back,
from memory here or else from PostgreSQL, which finds it when the commit is tried.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from actors.envelope import Envelope, Reply, Status
from actors.limits import Limits
from actors.ports import AnswerRow
from actors.stats import Stats

# Long enough for a derived id in any notation; an index row stays small.
ID_LENGTH: Final = 200

_BUSY: Final = Reply(Status.BUSY, b"too many commands are waiting; retry with the same id")
_REPLACED: Final = Reply(Status.WRONG_SHARD, b"the shard was replaced")


class Call:
    """One transport call: `done` is set when each of its commands has its reply."""

    __slots__ = ("_remaining", "done", "replies")

    def __init__(self, size: int) -> None:
        self.replies: list[Reply | None] = [None] * size
        self._remaining = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, index: int, reply: Reply) -> None:
        """Record the reply of the command at `index`; the first one counts."""
        if self.replies[index] is None:
            self.replies[index] = reply
            self._remaining -= 1
            if self._remaining == 0 and not self.done.done():
                self.done.set_result(None)


class Entry:
    """A command inside the shard, with everybody who waits for its answer.

    `taken`: claims found to be held by others when this command was last tried.
    `suspect`: it was in a commit that the journal rejected; it is tried again alone.
    """

    __slots__ = (
        "envelope",
        "fingerprint",
        "key",
        "ref",
        "slot",
        "suspect",
        "taken",
        "urgent",
        "waiters",
    )

    def __init__(self, envelope: Envelope, slot: int, urgent: bool) -> None:
        self.envelope = envelope
        self.slot = slot
        self.urgent = urgent
        self.ref = f"{envelope.kind}:{envelope.entity}"
        self.key = (self.ref, envelope.id)
        self.fingerprint = envelope.fingerprint
        self.waiters: list[tuple[Call, int]] = []
        self.taken: frozenset[str] = frozenset()
        self.suspect = False


class Intake:
    """See above. `urgent` and `normal` are the lanes, in order of execution."""

    def __init__(self, limits: Limits, stats: Stats) -> None:
        self.urgent: deque[Entry] = deque()
        self.normal: deque[Entry] = deque()
        self._limits = limits
        self._stats = stats
        # One of each per lane, so that a flood of normal commands leaves urgent ones their room.
        self._held = [0, 0]
        self._mailboxes: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._pending: dict[tuple[str, str], Entry] = {}
        self._answered: OrderedDict[tuple[str, str], AnswerRow] = OrderedDict()
        self._quiet = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, ref: object) -> bool:
        """Whether commands for this entity are pending."""
        return ref in self._mailboxes[0] or ref in self._mailboxes[1]

    def accept(
        self, envelope: Envelope, slot: int, urgent: bool, call: Call | None, index: int
    ) -> Reply | None:
        """Take a command in. A reply: there is nothing to execute (known, or no room)."""
        entry = Entry(envelope, slot, urgent)
        if (answered := self._answered.get(entry.key)) is not None:
            self._stats.repeats += 1
            return repeat(entry, answered)
        if (pending := self._pending.get(entry.key)) is not None:
            if pending.fingerprint != entry.fingerprint:
                return _reused(entry)
            if call is not None:
                pending.waiters.append((call, index))
            self._stats.repeats += 1
            return None
        mailboxes = self._mailboxes[urgent]
        waiting = mailboxes.get(entry.ref, 0)
        if self._held[urgent] >= self._limits.lane or waiting >= self._limits.mailbox:
            self._stats.busy += 1
            return _BUSY
        if call is not None:
            entry.waiters.append((call, index))
        self._held[urgent] += 1
        mailboxes[entry.ref] = waiting + 1
        self._pending[entry.key] = entry
        (self.urgent if urgent else self.normal).append(entry)
        return None

    def resolve(self, entry: Entry, reply: Reply) -> None:
        """Give the reply to everybody who waits for it, and remember it for repeats."""
        if self._pending.pop(entry.key, None) is None:
            return
        self._held[entry.urgent] -= 1
        mailboxes = self._mailboxes[entry.urgent]
        left = mailboxes[entry.ref] - 1
        if left:
            mailboxes[entry.ref] = left
        else:
            del mailboxes[entry.ref]
        if not self._pending:
            self._quiet.set()
        if reply.status <= Status.REFUSED and not entry.envelope.read:
            self._answered[entry.key] = AnswerRow(
                entry.ref, entry.envelope.id, entry.fingerprint, reply.status, reply.body
            )
            if len(self._answered) > self._limits.answers:
                self._answered.popitem(last=False)
        for call, index in entry.waiters:
            call.answer(index, reply)

    def put_back(self, entries: Iterable[Entry]) -> None:
        """To the front of their lanes, in this order: they were here before what waits now."""
        for entry in reversed(list(entries)):
            (self.urgent if entry.urgent else self.normal).appendleft(entry)

    def abandon(self) -> None:
        """The shard ends: tell everybody to ask its successor."""
        pending, self._pending = self._pending, {}
        self.urgent.clear()
        self.normal.clear()
        self._quiet.set()
        for entry in pending.values():
            for call, index in entry.waiters:
                call.answer(index, _REPLACED)

    async def drained(self) -> None:
        """Return when nothing is pending."""
        while self._pending:
            self._quiet.clear()
            await self._quiet.wait()


def repeat(entry: Entry, answered: AnswerRow) -> Reply:
    """What a repeat gets: the first one's answer, if it is the same command."""
    if answered.fingerprint != entry.fingerprint:
        return _reused(entry)
    return Reply(Status(answered.status), answered.body)


def _reused(entry: Entry) -> Reply:
    text = f"command id {entry.envelope.id} was used for another command; use a new id"
    return Reply(Status.ID_REUSED, text.encode())


def nameable(text: str) -> bool:
    """Whether this can be an id. PostgreSQL refuses NUL: it must not reach a shared commit."""
    return 0 < len(text) <= ID_LENGTH and text.isprintable()
