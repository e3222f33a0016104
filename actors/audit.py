"""The audit chain: each row's hash covers the row and the hash before it, one chain per writer.

One writer appends alone, so a chain needs no lock. After a commit whose outcome is unknown the
writer's head is unknown too; then a new chain is begun under a new name.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from actors.domain.kernel import Sender
from actors.ports import AuditRow

GENESIS = bytes(32)
_encode = msgspec.json.Encoder().encode


def row_hash(
    prev: bytes,
    writer: str,
    seq: int,
    at: float,
    sender: Sender,
    action: str,
    ref: str,
    version: int,
    command_id: str,
) -> bytes:
    """SHA-256 over the previous hash and the fields as a JSON array (`at` in microseconds)."""
    fields = [
        writer,
        seq,
        round(at * 1e6),
        sender.role,
        sender.subject,
        action,
        ref,
        version,
        command_id,
    ]
    return sha256(prev + _encode(fields)).digest()


class AuditChain:
    """One writer's chain, held by one shard."""

    __slots__ = ("_head", "_seq", "_writer")

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._seq = 0
        self._head = GENESIS

    def append(
        self, at: float, sender: Sender, action: str, ref: str, version: int, command_id: str
    ) -> AuditRow:
        """The next row: who (`sender`) did what (`action`) to which entity, at which version."""
        prev, self._seq = self._head, self._seq + 1
        self._head = row_hash(
            prev, self._writer, self._seq, at, sender, action, ref, version, command_id
        )
        return AuditRow(
            self._writer,
            self._seq,
            at,
            sender.role,
            sender.subject,
            action,
            ref,
            version,
            command_id,
            prev,
            self._head,
        )
