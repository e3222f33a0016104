"""Rows to write: of two entities in two slots, at one time."""

from __future__ import annotations

from actors.placement import slot_of
from actors.ports import AnswerRow, AuditRow, Commit, EntityRow, Journal, JournalRow, OutboxRow

NOW = 1_800_000_000.0
A, B = "account:a", "account:b"
SLOT_A, SLOT_B = slot_of("account", "a"), slot_of("account", "b")
SLOTS = [SLOT_A, SLOT_B]


def event(ref: str, version: int, *, published: bool = True) -> JournalRow:
    data = f'{{"v":{version}}}'.encode()
    return JournalRow(ref, version, NOW + version, f"c{version}", data, data if published else None)


def entity(
    ref: str, version: int, *, snapshot: bytes | None = None, wake_at: float | None = None
) -> EntityRow:
    return EntityRow(ref, SLOT_A if ref == A else SLOT_B, version, wake_at, snapshot)


def answer(ref: str, command_id: str, body: bytes = b"1", status: int = 0) -> AnswerRow:
    return AnswerRow(ref, command_id, b"print---", status, body)


def message(id_: str, *, at: float = NOW, urgent: bool = False, to: str = "b") -> OutboxRow:
    return OutboxRow(id_, A, "account", to, slot_of("account", to), b"{}", at, urgent)


def audit(seq: int, writer: str = "w") -> AuditRow:
    return AuditRow(writer, seq, NOW, "ops", "o", "Do", A, seq, "c", bytes(32), bytes(32))


async def write(
    journal: Journal, epochs: dict[int, int], ref: str, version: int, **more: object
) -> int:
    """One event of an entity, with a snapshot where `snapshot` gives one."""
    row = entity(ref, version, **more)  # type: ignore[arg-type]  # its fields, of several types
    return await journal.commit(
        Commit(epochs, at=NOW, journal=[event(ref, version)], entities=[row])
    )
