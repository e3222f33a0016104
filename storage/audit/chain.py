"""The two kinds of chained rows and what their hashes cover.

There are two tables, read and verified as one trail. `audit` has the steps of entities, each
written by the very commit that makes it durable (actors/audit.py): lean, for every command pays for
it. `audit_access` has what people did at the doors: requests, subscriptions, logins, denials: wide,
with the indexes that questions need, written in batches beside the request. One wide table would
tax each command with columns it has no use for and with indexes over them.

A row's hash covers the hash before it and every column but itself, so a row cannot be altered,
moved, taken out or put in without breaking the chain, or making anew all that follows, which the
heads (heads.py) then show.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct

from actors.audit import GENESIS, row_hash
from actors.domain.kernel import Sender
from actors.ports import AuditRow
from storage.audit.entry import AuditEntry, Outcome

Source = Literal["command", "access"]
TABLES: Final[dict[Source, str]] = {"command": "audit", "access": "audit_access"}

# In the hash, so that a later form of row cannot be passed off as this one.
_FORM: Final = "access/1"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class AccessRow(Struct, frozen=True, gc=False):
    """A row of `audit_access`. `details`: JSON with sorted keys."""

    writer: str
    seq: int
    at: float
    role: str
    subject: str
    action: str
    kind: str
    resource: str
    patients: tuple[str, ...]
    outcome: Outcome
    reason: str
    note: bytes | None
    address: str
    request_id: str
    details: str
    prev: bytes
    hash: bytes


# Of `audit_access` and of `audit`; in what is read the role is whatever stands in the table.
Row = AccessRow | AuditRow


def covers(row: Row, seq: int, prev: bytes, stored: bytes) -> bool:
    """Whether `stored` is the hash of this row's content at `seq`, after a row whose hash is
    `prev`. Never fails, whatever somebody put into the table."""
    try:
        return _hash(row, seq, prev) == stored
    except (TypeError, ValueError, OverflowError):  # no number, no time, nothing at all
        return False


def _hash(row: Row, seq: int, prev: bytes) -> bytes:
    if isinstance(row, AccessRow):
        return _access_hash(row, seq, prev)
    sender = Sender(row.role, row.subject)  # type: ignore[arg-type]  # whatever the table says
    return row_hash(
        prev, row.writer, seq, row.at, sender, row.action, row.ref, row.version, row.command_id
    )


def _access_hash(row: AccessRow, seq: int, prev: bytes) -> bytes:
    fields = (
        _FORM,
        row.writer,
        seq,
        round(row.at * 1e6),
        row.role,
        row.subject,
        row.action,
        row.kind,
        row.resource,
        row.patients,
        row.outcome,
        row.reason,
        None if row.note is None else row.note.hex(),
        row.address,
        row.request_id,
        row.details,
    )
    return sha256(prev + _encode(fields)).digest()


class AccessChain:
    """One writer's chain: held by one process, which alone appends, so it needs no lock."""

    __slots__ = ("_head", "_seq", "writer")

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self._seq = 0
        self._head = GENESIS

    def append(self, entry: AuditEntry) -> AccessRow:
        """The next row."""
        self._seq += 1
        row = AccessRow(
            writer=self.writer,
            seq=self._seq,
            at=entry.at,
            role=entry.role,
            subject=entry.subject,
            action=entry.action,
            kind=entry.kind,
            resource=entry.id,
            patients=entry.patients,
            outcome=entry.outcome,
            reason=entry.reason,
            note=entry.note,
            address=entry.address,
            request_id=entry.request_id,
            details=_encode(entry.details).decode() if entry.details else "",
            prev=self._head,
            hash=b"",
        )
        self._head = _access_hash(row, self._seq, self._head)
        return msgspec.structs.replace(row, hash=self._head)
