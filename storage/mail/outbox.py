"""The port of the outbox of e-mail.

| state  | what happens                                                        | becomes        |
| ------ | ------------------------------------------------------------------- | -------------- |
| queued | a sender claims it for a time (its lease) and tries to deliver it   | sent, dead     |
| sent   | a server has taken it; its content is gone                          | pruned         |
| dead   | refused for good, or not delivered in time; its content is gone     | pruned         |

A claim whose lease has ended is another sender's to make. What the first one says afterwards counts
for nothing, unless it is that the message was sent: then it is not sent again.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from msgspec import Struct


class MailRow(Struct, frozen=True, kw_only=True):
    """A message to be sent. `sealed` is what only its sender can read; `kind` says nothing of
    anybody. Times are Unix seconds; after `expires_at` it is not worth sending any more.
    """

    id: UUID
    kind: str
    sealed: bytes
    created_at: float
    expires_at: float


class Claimed(Struct, frozen=True, kw_only=True):
    """A message that is ours to send until `lease_ends`. `attempt` counts from 1."""

    row: MailRow
    attempt: int
    lease_ends: float


class MailCounts(Struct, frozen=True, kw_only=True):
    """What is in the outbox. `oldest_at`: when the longest waiting was queued. `failure`: what the
    last attempt at the longest waiting met, else at the last one given up.
    """

    queued: int = 0
    dead: int = 0
    oldest_at: float | None = None
    failure: str = ""


class MailOutbox(Protocol):
    """All raise storage.records.RecordsUnavailable while the outbox is out of reach."""

    async def queue(self, row: MailRow) -> None:
        """Keep it, together with all else of the transaction that is open in this context, or by
        itself where none is. One id is queued once, however often this is called.
        """
        ...

    async def claim(self, now: float, lease_s: float, limit: int) -> tuple[Claimed, ...]:
        """Up to `limit` messages that are due and nobody else's, those longest due first."""
        ...

    async def sent(self, claimed: Claimed, now: float) -> None:
        """A server has taken it."""
        ...

    async def postpone(self, claimed: Claimed, due_at: float, failure: str) -> None:
        """To be tried again then. `failure` must quote nobody's address."""
        ...

    async def bury(self, claimed: Claimed, now: float, failure: str) -> None:
        """Given up: a dead letter."""
        ...

    async def prune(self, before: float) -> None:
        """Forget what ended before that time."""
        ...

    async def counts(self) -> MailCounts: ...
