"""The checker finds each kind of damage, by the rule that is there for it, and none in a whole one.

Only the rule that is meant needs to find it; that others do as well is no fault.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.check_journal import rules, table, violations
from tests.chaos.journal import Audit, Claim, End, Entity, Line
from tests.chaos.sample import ledger, whole
from tests.chaos.spoil import Spoil, appended, changed, dropped, repeated, rest, swapped
from tests.chaos.verdict import found_in

ROOT = Path(__file__).resolve().parents[2]


def test_a_whole_journal_has_no_violations_and_every_rule_was_applied_to_it() -> None:
    held = rules(ledger())
    assert list(violations(whole(), held)) == []
    assert {rule.name: rule.checked for rule in held if not rule.checked} == {}


def offered(task: str, emergency: str, slot: int = 1) -> dict[str, Any]:
    return {"type": "TaskOffered", "task": {"id": task, "emergency": emergency, "slot": slot}}


def accepted(task: str) -> dict[str, Any]:
    return {"type": "TaskAccepted", "task": task}


def without_claim(line: Line) -> Line | None:
    return None if isinstance(line, Claim) and "emergency" in line.key else line


def other_holder(line: Line) -> Line:
    return replace(line, holder="t9") if isinstance(line, Claim) else line


def torn_audit(line: Line) -> Line | None:
    return replace(line, prev="z") if isinstance(line, Audit) and line.seq == 2 else line


def holed_audit(line: Line) -> Line | None:
    return None if isinstance(line, Audit) and line.seq == 1 else line


def full_outbox(line: Line) -> Line:
    return replace(line, outbox=2) if isinstance(line, End) else line


def older_row(line: Line) -> Line:
    return replace(line, version=1) if isinstance(line, Entity) else line


def forgotten_row(line: Line) -> Line | None:
    return None if isinstance(line, Entity) and line.ref == "paramedic:A" else line


DAMAGES: dict[str, tuple[Spoil, str, str]] = {
    "an event is missing": (
        dropped("paramedic:A", 3),
        "versions",
        "paramedic:A v4 at 0.000: version 4 where 3 was due",
    ),
    "the last event is missing": (
        dropped("dispatcher:city", 20),
        "versions",
        "dispatcher:city v19: its row says version 20, its journal 19",
    ),
    "all of an entity's events are missing": (
        dropped("emergency:e3", 1),
        "versions",
        "emergency:e3 v0: its row says version 1, its journal 0",
    ),
    "an event is there twice": (
        repeated("paramedic:A", 2),
        "versions",
        "paramedic:A v2 at 0.000: version 2 where 3 was due",
    ),
    "two events changed places": (
        swapped("paramedic:A", 1),
        "versions",
        "paramedic:A v2 at 0.000: version 2 where 1 was due",
    ),
    "an entity's row is behind": (
        rest(older_row),
        "versions",
        "dispatcher:city v20: its row says version 1, its journal 20",
    ),
    "an entity has no row": (
        rest(forgotten_row),
        "versions",
        "paramedic:A v5: has a journal and no row",
    ),
    "a command was carried out twice": (
        changed("paramedic:A", 5, command="c7"),
        "command-once",
        "paramedic:A v5 at 0.000: command c7 was carried out again",
    ),
    "an acknowledged command is lost": (
        dropped("emergency:e3", 1),
        "acknowledged",
        "emergency:e3: raise e3: was acknowledged and is not there",
    ),
    "an acknowledged command was done twice": (
        appended("emergency:e1", {"type": "Anything"}, command="c4"),
        "acknowledged",
        "emergency:e1: raise e1: is there 2 times",
    ),
    "an acknowledged call became two emergencies": (
        appended("emergency:e4", {"type": "EmergencyRaised"}, command="c4"),
        "acknowledged",
        "emergency:e4: raise e1: was acknowledged of emergency:e1, and is here as well",
    ),
    "a unit has a second live task": (
        appended("paramedic:A", offered("t9", "e3"), accepted("t9")),
        "one-live-task",
        "paramedic:A v7 at 0.000: began task t9 with t2 live",
    ),
    "a task was accepted that was not offered": (
        appended("paramedic:B", accepted("t9")),
        "one-live-task",
        "paramedic:B v1 at 0.000: accepted task t9, which was not offered",
    ),
    "a task was completed twice": (
        appended("paramedic:A", {"type": "TaskCompleted", "task": "t1"}),
        "one-live-task",
        "paramedic:A v6 at 0.000: completed task t1, which was not live",
    ),
    "an emergency has two primary units": (
        appended("paramedic:B", offered("t9", "e2"), accepted("t9")),
        "one-primary-unit",
        "emergency:e2 at 0.000: B was sent as primary unit (task t9) while A was on it (task t2)",
    ),
    "a live task holds no claim": (
        rest(without_claim),
        "claims",
        "claim live-task:emergency:e2: task t2 is live without it",
    ),
    "a claim is held by another task": (
        rest(other_holder),
        "claims",
        "claim live-task:paramedic:A: held by t9, live is t2",
    ),
    "a claim outlived its task": (
        appended("paramedic:A", {"type": "TaskHandedBack", "task": "t2"}),
        "claims",
        "claim live-task:paramedic:A: held by t2, live is nothing",
    ),
    "an emergency was forgotten by its dispatcher": (
        appended("dispatcher:city", {"type": "EmergencyRemoved", "emergency": "e3"}),
        "emergency-ends",
        "emergency:e3 at 0.000: has not ended, and no dispatcher has it",
    ),
    "a dispatcher keeps an emergency that ended": (
        appended("emergency:e3", {"type": "EmergencyCancelled"}),
        "emergency-ends",
        "emergency:e3 at 1000.000: has ended, and dispatcher:city still has it",
    ),
    "an emergency ended twice": (
        appended("emergency:e1", {"type": "EmergencyClosed"}),
        "emergency-ends",
        "emergency:e1 v3 at 0.000: EmergencyClosed after its end",
    ),
    "an emergency goes on after its end": (
        appended("emergency:e1", {"type": "UnitAssigned"}),
        "emergency-ends",
        "emergency:e1 v3 at 0.000: UnitAssigned after its end",
    ),
    "an emergency was raised twice": (
        appended("emergency:e3", {"type": "EmergencyRaised"}),
        "emergency-ends",
        "emergency:e3 v2 at 0.000: was raised again",
    ),
    "messages were never handled": (
        rest(full_outbox),
        "emergency-ends",
        "outbox at 1000.000: 2 messages were never handled",
    ),
    "a row of the audit trail was removed": (
        rest(holed_audit),
        "audit",
        "audit of w v2: a hole before 2",
    ),
    "a row of the audit trail was altered": (
        rest(torn_audit),
        "audit",
        "audit of w v2: not chained to the one before",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_finds_that(damage: str) -> None:
    spoil, rule, said = DAMAGES[damage]
    found = [str(one) for one in found_in(spoil(whole()), ledger())]
    assert any(one.startswith(f"{rule}: {said}") for one in found), found


def test_the_table_has_a_row_a_rule() -> None:
    held = rules(ledger())
    found = list(violations(dropped("paramedic:A", 3)(whole()), held))
    rows = list(table(held, Counter(one.rule for one in found)))
    assert len(rows) == len(held) + 1
    shown = {row.split()[0]: int(row.split()[2]) for row in rows[1:]}
    assert shown["versions"] > 0
    assert shown["audit"] == 0


def test_it_knows_nothing_of_the_code_under_test() -> None:
    """By what is loaded once the program is, whoever imports what."""
    ours = ("actors", "config", "realtime", "storage", "web")
    code = (
        "import sys, tests.chaos.check_journal\n"
        f"print(sorted(m for m in sys.modules if m.partition('.')[0] in {ours!r}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
