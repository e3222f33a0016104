"""Rules `one-live-task` and `one-primary-unit`: several units, and diversions."""

from __future__ import annotations

from tests.chaos.journal import Claim
from tests.chaos.sample import Writer
from tests.chaos.verdict import found_in, said_by


def test_further_units_that_were_ordered_are_no_second_primary_unit() -> None:
    writer = Writer().offered("A", "t1", "e1").accepted("A", "t1")
    writer.offered("B", "t2", "e1", slot=2).accepted("B", "t2")
    assert said_by("one-primary-unit", writer) == []


def test_two_units_in_one_further_place_are_one_too_many() -> None:
    writer = Writer().offered("A", "t1", "e1", slot=2).accepted("A", "t1")
    writer.offered("B", "t2", "e1", slot=2).accepted("B", "t2")
    (said,) = said_by("one-primary-unit", writer)
    assert said == "B was sent in place 2 (task t2) while A was on it (task t1)"


def test_a_diverted_unit_has_one_live_task_the_new_one() -> None:
    writer = Writer().offered("A", "t1", "e1").accepted("A", "t1")
    new = {"id": "t2", "emergency": "e2", "slot": 1, "step": "accepted"}
    writer.write("paramedic:A", {"type": "TaskDiverted", "from_task": "t1", "task": new})
    claims = Claim("live-task:paramedic:A", "t2"), Claim("live-task:emergency:e2", "t2")
    assert found_in(writer.all(*claims)) == []
