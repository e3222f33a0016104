"""The checker finds each kind of damage, by the rule that is there for it, and none in a whole one.

Only the rule that is meant needs to find it; that others do as well is no fault.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.check_journal import rules, table, violations
from tests.chaos.journal import Audit, BadJournal, Claim, End, Entity, Line, read
from tests.chaos.ledger import Acknowledged, command_id, read_ledger
from tests.chaos.rule import Violation
from tests.chaos.sample import (
    NOW,
    Spoil,
    Writer,
    appended,
    changed,
    closed,
    dropped,
    ledger,
    made,
    repeated,
    rest,
    swapped,
    whole,
)

ROOT = Path(__file__).resolve().parents[2]


def found_in(
    lines: list[Line], told: list[Acknowledged] | None = None, order: str = "priority"
) -> list[Violation]:
    return list(violations(lines, rules(ledger() if told is None else told, order)))


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
        dropped("dispatcher:city", 14),
        "versions",
        "dispatcher:city v13: its row says version 14, its journal 13",
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
        "dispatcher:city v14: its row says version 1, its journal 14",
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
    found = [str(one) for one in found_in(spoil(whole()))]
    assert any(one.startswith(f"{rule}: {said}") for one in found), found


def merges(*more: Mapping[str, Any]) -> list[str]:
    """e1 was merged into e2; then these happened to e1."""
    writer = two_waiting().write("emergency:e1", {"type": "EmergencyMerged", "into": "e2"})
    gone = {"type": "EmergencyRemoved", "emergency": "e1", "reason": "merged"}
    writer.write("dispatcher:city", gone)
    for event in more:
        writer.write("emergency:e1", event)
    return [v.said for v in found_in(writer.all(), []) if v.rule == "emergency-ends"]


def test_one_that_was_merged_is_in_the_other_ones_hands() -> None:
    assert merges({"type": "PrimaryFollowed"}) == []
    assert merges({"type": "UnitAssigned"}) == ["UnitAssigned while merged into emergency:e2"]
    assert merges({"type": "DuplicateReturned", "primary": "e2"}) == [
        "has not ended, and no dispatcher has it"
    ]


def test_one_that_was_merged_does_not_end_with_the_other_ones_cancellation() -> None:
    writer = two_waiting().write("emergency:e1", {"type": "EmergencyMerged", "into": "e2"})
    writer.removed("e1").write("emergency:e2", {"type": "EmergencyCancelled"}).removed("e2")
    (found,) = (v for v in found_in(writer.all(), []) if v.rule == "emergency-ends")
    assert found.said == "was merged into emergency:e2, which has ended"


# -- several units, diversions


def test_further_units_that_were_ordered_are_no_second_primary_unit() -> None:
    writer = Writer().offered("A", "t1", "e1").accepted("A", "t1")
    writer.offered("B", "t2", "e1", slot=2).accepted("B", "t2")
    assert [v for v in found_in(writer.all(), []) if v.rule == "one-primary-unit"] == []


def test_two_units_in_one_further_place_are_one_too_many() -> None:
    writer = Writer().offered("A", "t1", "e1", slot=2).accepted("A", "t1")
    writer.offered("B", "t2", "e1", slot=2).accepted("B", "t2")
    (found,) = (v for v in found_in(writer.all(), []) if v.rule == "one-primary-unit")
    assert found.said == "B was sent in place 2 (task t2) while A was on it (task t1)"


def test_a_diverted_unit_has_one_live_task_the_new_one() -> None:
    writer = Writer().offered("A", "t1", "e1").accepted("A", "t1")
    new = {"id": "t2", "emergency": "e2", "slot": 1, "step": "accepted"}
    writer.write("paramedic:A", {"type": "TaskDiverted", "from_task": "t1", "task": new})
    claims = Claim("live-task:paramedic:A", "t2"), Claim("live-task:emergency:e2", "t2")
    assert found_in(writer.all(*claims), []) == []


# -- priorities


def two_waiting() -> Writer:
    """e1 of class 1 and e2 of class 3 wait, nobody is free."""
    return Writer().raised("e1").queued("e1", 1).raised("e2").queued("e2", 3)


def passed_over(writer: Writer, order: str = "priority") -> list[str]:
    return [v.said for v in found_in(writer.all(), [], order) if v.rule == "priority"]


def test_an_offer_to_the_less_urgent_one_passed_the_other_over() -> None:
    (said,) = passed_over(two_waiting().unit("A").offers(("e2", "A", "t1")))
    assert said.startswith("A was offered emergency:e2 (class 3) while emergency:e1 (class 1)")


def test_both_served_by_one_command_is_in_order_whoever_stands_first() -> None:
    writer = two_waiting().unit("A").unit("B").offers(("e2", "A", "t1"), ("e1", "B", "t2"))
    assert passed_over(writer) == []


def test_one_that_came_later_was_not_passed_over() -> None:
    writer = Writer().unit("A").queued("e2", 3).offers(("e2", "A", "t1")).queued("e1", 1)
    assert passed_over(writer) == []


def test_a_unit_without_the_skills_passes_nobody_over() -> None:
    writer = Writer().queued("e1", 1, "als").queued("e2", 3).unit("A", "bls")
    assert passed_over(writer.offers(("e2", "A", "t1"))) == []


def test_an_advanced_crew_suits_basic_needs() -> None:
    writer = two_waiting().unit("A", "als").offers(("e2", "A", "t1"))
    assert len(passed_over(writer)) == 1


def test_a_unit_that_refused_passes_nobody_over_until_the_round_is_over() -> None:
    writer = two_waiting().unit("A").offers(("e1", "A", "t1"))
    refused = closed("e1", "A", "t1", "declined")
    writer.write("dispatcher:city", refused, made("e2", "A", "t2"))
    assert passed_over(writer) == []
    again = {"type": "RoundRestarted", "emergency": "e1"}
    done = closed("e2", "A", "t2", "withdrawn")
    writer.write("dispatcher:city", done, again, made("e2", "A", "t3"))
    assert len(passed_over(writer)) == 1


def test_a_card_that_became_more_urgent_counts_from_then() -> None:
    writer = Writer().queued("e1", 3).queued("e2", 3)
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    writer.write("dispatcher:city", {"type": "EmergencyUpdated", "card": card})
    assert len(passed_over(writer.unit("A").offers(("e2", "A", "t1")))) == 1


def test_of_an_erased_patient_nobody_knows_who_suited() -> None:
    writer = Writer().queued("e2", 3)
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": []}
    writer.write("dispatcher:city", {"type": "EmergencyQueued", "card": card})
    assert passed_over(writer.unit("A").offers(("e2", "A", "t1"))) == []


def test_first_come_first_served_is_held_to_age() -> None:
    writer = Writer().at(1).queued("e1", 3).at(2).queued("e2", 1).unit("A")
    writer.offers(("e2", "A", "t1"))
    assert passed_over(writer) == []
    assert len(passed_over(writer, "age")) == 1
    assert passed_over(writer, "none") == []


def test_what_a_human_holds_or_orders_and_what_the_policy_defers_is_not_passed_over() -> None:
    held = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"], "held": True}
    wish = {"type": "OverrideOrdered", "emergency": "e2", "slot": 1, "wish": {"unit": "A"}}
    later = {"type": "EmergencyDeferred", "emergency": "e1", "slot": 1, "until": 500.0}
    for one in ({"type": "EmergencyUpdated", "card": held}, wish, later):
        writer = two_waiting().unit("A").write("dispatcher:city", one)
        assert passed_over(writer.offers(("e2", "A", "t1"))) == []


def test_a_unit_that_was_ordered_for_another_one_passes_it_over_only_itself() -> None:
    wish = {"type": "OverrideOrdered", "emergency": "e1", "slot": 1, "wish": {"unit": "B"}}
    writer = two_waiting().unit("A").write("dispatcher:city", wish)
    assert passed_over(writer.offers(("e2", "A", "t1"))) == []
    assert len(passed_over(writer.unit("B").offers(("e2", "B", "t2")))) == 1


def test_a_diversion_is_held_to_no_order() -> None:
    writer = two_waiting().unit("A", free=False)
    assert (
        passed_over(writer.write("dispatcher:city", {**made("e2", "A", "t1"), "diverts": "e9"}))
        == []
    )


def test_a_further_unit_waits_by_itself() -> None:
    writer = two_waiting().unit("A").unit("B").offers(("e1", "A", "t1"))
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    more = {"type": "EmergencyQueued", "card": card, "slot": 2}
    writer.write("dispatcher:city", more, made("e2", "B", "t2"))
    (said,) = passed_over(writer)
    assert "while emergency:e1#2 (class 1)" in said


def test_what_was_merged_waits_no_more_until_it_is_its_own_again() -> None:
    gone = {"type": "EmergencyRemoved", "emergency": "e1", "reason": "merged"}
    writer = two_waiting().unit("A").write("dispatcher:city", gone, made("e2", "A", "t1"))
    assert passed_over(writer) == []
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    back = {"type": "EmergencyQueued", "card": card}
    done = closed("e2", "A", "t1", "withdrawn")
    writer.write("dispatcher:city", back, done, made("e2", "A", "t2"))
    assert len(passed_over(writer)) == 1


def test_who_lost_its_unit_to_another_one_waits_again() -> None:
    writer = Writer().queued("e2", 3).queued("e1", 1).unit("A").offers(("e2", "A", "t1"))
    writer.offers(("e1", "A", "t2"))
    left = {"from_task": "t1", "from_emergency": "e2", "from_slot": 1, "accepted": True}
    to = {"unit": "A", "task": "t2", "emergency": "e1", "slot": 1}
    writer.at(900).write("dispatcher:city", {"type": "UnitTakenOver", **left, **to})
    assert stuck(writer.unit("A", free=False).unit("B")) == [
        "dispatcher:city did not ask B, free since 900.000"
    ]


# -- stuck


def stuck(writer: Writer) -> list[str]:
    return [v.said for v in found_in(writer.all(), []) if v.rule == "not-stuck"]


def test_one_that_waits_beside_a_free_unit_is_stuck() -> None:
    assert stuck(Writer().at(900).queued("e1", 3).unit("A")) == [
        "dispatcher:city did not ask A, free since 900.000"
    ]


def test_one_that_has_just_begun_to_wait_is_not() -> None:
    assert stuck(Writer().at(NOW - 10).queued("e1", 3).unit("A")) == []


def test_one_that_no_free_unit_suits_waits_rightly() -> None:
    assert stuck(Writer().queued("e1", 1, "als").unit("A").unit("B", "als", free=False)) == []


def test_an_offer_that_should_have_expired_is_stuck() -> None:
    late = {**made("e1", "A", "t1"), "expires_at": 500.0}
    writer = Writer().queued("e1", 3).unit("A").write("dispatcher:city", late)
    assert stuck(writer) == ["dispatcher:city has it at an offer to A that expired since 500.000"]


def test_a_deferral_that_did_not_end_is_stuck_and_a_hold_is_not() -> None:
    later = {"type": "EmergencyDeferred", "emergency": "e1", "slot": 1, "until": 500.0}
    writer = Writer().queued("e1", 3).write("dispatcher:city", later)
    assert stuck(writer) == [
        "dispatcher:city waits for a certain unit, and did not ask again since 500.000"
    ]
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"], "held": True}
    writer = Writer().queued("e1", 3).unit("A")
    writer.write("dispatcher:city", {"type": "EmergencyUpdated", "card": card})
    assert stuck(writer) == []


def all_refused(retry_at: float) -> Writer:
    writer = Writer().queued("e1", 3).unit("A").offers(("e1", "A", "t1"))
    over = {"type": "AllRefused", "emergency": "e1", "retry_at": retry_at}
    return writer.write("dispatcher:city", closed("e1", "A", "t1", "declined"), over)


def test_a_round_of_refusals_that_did_not_end_is_stuck() -> None:
    assert stuck(all_refused(500)) == ["dispatcher:city did not begin its next round since 500.000"]
    assert stuck(all_refused(NOW + 5)) == []


# -- the files


def test_an_export_that_was_cut_off_is_refused() -> None:
    head = '{"journal": "j", "format": 1}\n'
    with pytest.raises(BadJournal, match="no end"):
        list(read([head, '{"entity": "a:b", "version": 1}\n']))
    with pytest.raises(BadJournal, match="line 1"):
        list(read(['{"entity": "a:b", "version": 1}\n']))
    with pytest.raises(BadJournal, match="line 2: no JSON"):
        list(read([head, '{"entity": "a:']))


def test_a_ledgers_line_leads_to_the_command_id_that_the_journal_has(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text(
        '{"ref":"paramedic:A","role":"paramedic","subject":"A","scope":"task.accept","key":"k"}\n'
    )
    (one,) = read_ledger(file)
    assert one.command == command_id("paramedic", "A", "task.accept", "k")
    file.write_text('{"ref":"paramedic:A"}\n')
    with pytest.raises(ValueError, match="line 1"):
        list(read_ledger(file))


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
