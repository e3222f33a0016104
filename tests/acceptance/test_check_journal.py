"""The checker finds each kind of damage, and nothing in a journal that has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.acceptance.check_journal import AuditRow, Claim, Database, Row, violations

RAISED = {"type": "EmergencyRaised", "symptoms": ["fall", "call 7 of replay ab"]}
CLOSED = {"type": "EmergencyClosed"}


def offered(task: str, emergency: str) -> dict[str, Any]:
    return {"type": "TaskOffered", "task": {"id": task, "emergency": emergency}}


def of(ref: str, *events: dict[str, Any], seqs: tuple[int, ...]) -> list[Row]:
    return [
        Row(seq, ref, version, f"{ref}/{version}", event)
        for version, (seq, event) in enumerate(zip(seqs, events, strict=True), 1)
    ]


def whole() -> Database:
    """e1: handed back by A, completed by B. e2: under way with A. e3: waiting."""
    journal = [
        *of("emergency:e1", RAISED, CLOSED, seqs=(1, 20)),
        *of("emergency:e2", {"type": "EmergencyRaised", "symptoms": []}, seqs=(21,)),
        *of("emergency:e3", {"type": "EmergencyRaised"}, seqs=(22,)),
        *of(
            "paramedic:A",
            offered("t1", "e1"),
            {"type": "TaskAccepted", "task": "t1"},
            {"type": "TaskHandedBack", "task": "t1"},
            offered("t3", "e2"),
            {"type": "TaskAccepted", "task": "t3"},
            seqs=(3, 4, 5, 30, 31),
        ),
        *of(
            "paramedic:B",
            offered("t2", "e1"),
            {"type": "TaskAccepted", "task": "t2"},
            {"type": "TaskCompleted", "task": "t2"},
            seqs=(6, 7, 19),
        ),
        *of(
            "dispatcher:city",
            *(
                {"type": "EmergencyQueued", "card": {"emergency": id_}}
                for id_ in ("e1", "e2", "e3")
            ),
            {"type": "EmergencyRemoved", "emergency": "e1"},
            seqs=(2, 23, 24, 25),
        ),
    ]
    versions = {row.ref: row.version for row in journal}
    return Database(
        journal,
        versions,
        claims=[Claim("live-task:paramedic:A", "t3"), Claim("live-task:emergency:e2", "t3")],
        audit=[AuditRow("w", 1, b"", b"x"), AuditRow("w", 2, b"x", b"y")],
    )


def with_event(database: Database, row: Row) -> Database:
    return replace(
        database,
        journal=[*database.journal, row],
        versions={**database.versions, row.ref: row.version},
    )


def without(database: Database, ref: str, version: int) -> Database:
    kept = [row for row in database.journal if (row.ref, row.version) != (ref, version)]
    return replace(database, journal=kept)


def changed(database: Database, ref: str, version: int, **changes: Any) -> Database:
    return replace(
        database,
        journal=[
            replace(row, **changes) if (row.ref, row.version) == (ref, version) else row
            for row in database.journal
        ],
    )


def test_a_whole_journal_has_no_violations() -> None:
    assert list(violations(whole(), ["e1", "e2"])) == []


DAMAGES: dict[str, tuple[Callable[[Database], Database], str]] = {
    "an event is missing": (
        lambda db: without(db, "paramedic:A", 3),
        "paramedic:A: versions are not 1 to 4",
    ),
    "the last event is missing": (
        lambda db: without(db, "dispatcher:city", 4),
        "dispatcher:city: its row says version 4, its journal 3",
    ),
    "all of an entity's events are missing": (
        lambda db: without(db, "emergency:e3", 1),
        "emergency:e3: has a row at version 1 and no journal",
    ),
    "a command was handled twice": (
        lambda db: changed(db, "paramedic:A", 5, command_id="paramedic:A/2"),
        "paramedic:A: command paramedic:A/2 was handled again at version 5",
    ),
    "a paramedic has two live tasks": (
        lambda db: with_event(
            with_event(db, Row(40, "paramedic:A", 6, "c6", offered("t9", "e3"))),
            Row(41, "paramedic:A", 7, "c7", {"type": "TaskAccepted", "task": "t9"}),
        ),
        "paramedic:A at version 7: two live tasks, t3 and t9",
    ),
    "an emergency has two crews": (
        lambda db: changed(db, "paramedic:B", 2, seq=4),
        "emergency:e1: ",
    ),
    "an emergency has two crews for ever": (
        lambda db: with_event(
            with_event(db, Row(40, "paramedic:B", 4, "c4", offered("t9", "e2"))),
            Row(41, "paramedic:B", 5, "c5", {"type": "TaskAccepted", "task": "t9"}),
        ),
        "emergency:e2: A and B at the same time",
    ),
    "a task was accepted that was not offered": (
        lambda db: with_event(
            db, Row(40, "paramedic:B", 4, "c4", {"type": "TaskAccepted", "task": "t9"})
        ),
        "paramedic:B at version 4: accepted task t9, which was not offered",
    ),
    "a task was completed twice": (
        lambda db: with_event(
            db, Row(40, "paramedic:B", 4, "c4", {"type": "TaskCompleted", "task": "t2"})
        ),
        "paramedic:B at version 4: completed task t2, which was not live",
    ),
    "an emergency was forgotten": (
        lambda db: with_event(
            db,
            Row(40, "dispatcher:city", 5, "c5", {"type": "EmergencyRemoved", "emergency": "e3"}),
        ),
        "emergency:e3: has not ended, and no dispatcher has it",
    ),
    "an emergency ended twice": (
        lambda db: with_event(db, Row(40, "emergency:e1", 3, "c3", CLOSED)),
        "emergency:e1: ended 2 times",
    ),
    "an emergency goes on after its end": (
        lambda db: with_event(db, Row(40, "emergency:e1", 3, "c3", {"type": "UnitAssigned"})),
        "emergency:e1: UnitAssigned after its end",
    ),
    "an emergency was raised twice": (
        lambda db: with_event(db, Row(40, "emergency:e3", 2, "c2", RAISED)),
        "emergency:e3: raised 2 times",
    ),
    "a call became two emergencies": (
        lambda db: changed(db, "emergency:e3", 1, event=RAISED),
        "call 7 of replay ab: became 2 emergencies",
    ),
    "a live task holds no claim": (
        lambda db: replace(db, claims=db.claims[:1]),
        "claim live-task:emergency:e2: task t3 is live without it",
    ),
    "a claim outlived its task": (
        lambda db: replace(db, claims=[*db.claims, Claim("live-task:paramedic:B", "t2")]),
        "claim live-task:paramedic:B: held by t2, which is not live",
    ),
    "a claim is held by another task": (
        lambda db: replace(db, claims=[Claim("live-task:paramedic:A", "t1"), db.claims[1]]),
        "claim live-task:paramedic:A: held by t1, live is t3",
    ),
    "an audit row was removed": (
        lambda db: replace(db, audit=[db.audit[0], replace(db.audit[1], seq=3)]),
        "audit of w: a hole before 3",
    ),
    "an audit row was altered": (
        lambda db: replace(db, audit=[db.audit[0], replace(db.audit[1], prev=b"z")]),
        "audit of w: row 2 is not chained",
    ),
    "a message was never handled": (
        lambda db: replace(db, outbox=1),
        "outbox: 1 messages were never handled",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_finds_that(damage: str) -> None:
    spoil, expected = DAMAGES[damage]
    found = list(violations(spoil(whole())))
    assert any(one.startswith(expected) for one in found), found


def test_it_finds_an_acknowledged_emergency_that_is_not_there() -> None:
    found = list(violations(whole(), ["e1", "e9"]))
    assert found == ["emergency:e9: was acknowledged and is not there"]


def test_it_finds_two_calls_acknowledged_as_one_emergency() -> None:
    found = list(violations(whole(), ["e1", "e1"]))
    assert found == ["emergency:e1: was acknowledged for 2 calls"]
