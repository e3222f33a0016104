"""The ledger finds what was lost and who was sent twice, and keeps still where all is well."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.domain.values import Location
from actors.domain.views.paramedic import DeviceUpdate, TaskView
from web.replay.ledger import Ledger, Outcome, percentile
from web.replay.report import by_priority


def task(id_: str, emergency: str) -> TaskView:
    return TaskView(
        id=id_,
        emergency=emergency,
        step="pending",
        priority=2,
        location=Location(0.0, 0.0),
        address=None,
        symptoms=(),
        needs=(),
        raised_at="",
        offered_at="",
        expires_at="",
        accepted_at=None,
        eta_s=0.0,
    )


class Story:
    """A ledger, told what happened in the order in which it did."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = 0.0
        self._offsets: dict[str, int] = {}

    def call(self, call: str, emergency: str) -> None:
        self.ledger.posted(call, self.now)
        self.ledger.acknowledge(call, emergency)

    def event(
        self, unit: str, event: str, id_: str, emergency: str, call: str | None = None
    ) -> None:
        self.now += 1
        self._offsets[unit] = self._offsets.get(unit, 0) + 1
        update = DeviceUpdate(
            event=event,
            at="",
            status="available",
            task=task(id_, emergency),
            reason=None,
            tasks=(),
        )
        self.ledger.heard(unit, self._offsets[unit], update, self.now, call, self.now)

    def again(self, unit: str, event: str, id_: str, emergency: str) -> None:
        """The last fact of this unit comes once more."""
        self._offsets[unit] -= 1
        self.event(unit, event, id_, emergency)

    def served(self, unit: str, id_: str, emergency: str, call: str) -> None:
        self.event(unit, "TaskOffered", id_, emergency, call)
        self.event(unit, "TaskAccepted", id_, emergency)
        self.event(unit, "TaskCompleted", id_, emergency)

    def outcome(self, emergency: str, status: str = "closed", unit: str | None = "A") -> None:
        self.ledger.conclude(
            Outcome(
                emergency=emergency,
                status=status,
                priority=2,
                unit=unit,
                raised_at=0.0,
                assigned_at=None if status == "raised" else 1.0,
            )
        )


@pytest.fixture
def story() -> Story:
    story = Story()
    story.call("c1", "e1")
    return story


def test_a_call_that_was_served_is_neither_lost_nor_double(story: Story) -> None:
    story.served("A", "t1", "e1", "c1")
    story.outcome("e1")
    verdict = story.ledger.verdict()
    assert (verdict.acknowledged, verdict.assigned, verdict.whole) == (1, 1, True)


def test_a_second_crew_after_the_first_gave_up_is_well(story: Story) -> None:
    story.event("A", "TaskAccepted", "t1", "e1")
    story.event("A", "TaskHandedBack", "t1", "e1")
    story.served("B", "t2", "e1", "c1")
    story.outcome("e1", unit="B")
    assert story.ledger.verdict().whole


def test_two_crews_at_the_same_time_are_double(story: Story) -> None:
    story.event("A", "TaskAccepted", "t1", "e1")
    story.event("B", "TaskAccepted", "t2", "e1")
    story.event("A", "TaskCompleted", "t1", "e1")
    story.event("B", "TaskCompleted", "t2", "e1")
    story.outcome("e1")
    assert story.ledger.verdict().double == ("e1",)


def test_two_crews_of_somebody_elses_emergency_are_not_ours_to_judge(story: Story) -> None:
    story.served("A", "t1", "e1", "c1")
    story.outcome("e1")
    story.event("A", "TaskAccepted", "t8", "e8")
    story.event("B", "TaskAccepted", "t9", "e8")
    assert story.ledger.verdict().whole


def test_a_fact_that_is_repeated_changes_nothing(story: Story) -> None:
    story.served("A", "t1", "e1", "c1")
    story.again("A", "TaskAccepted", "t1", "e1")
    story.outcome("e1")
    assert story.ledger.busy() == 0
    assert story.ledger.verdict().whole


def test_a_call_that_became_two_emergencies_is_double(story: Story) -> None:
    story.event("A", "TaskOffered", "t1", "e1", "c1")
    story.event("B", "TaskOffered", "t2", "e2", "c1")
    story.outcome("e1")
    assert story.ledger.verdict().double == ("e1",)


def test_two_calls_that_became_one_emergency_are_double(story: Story) -> None:
    story.call("c2", "e1")
    story.outcome("e1")
    assert story.ledger.verdict().double == ("e1",)


def test_a_crew_that_the_service_does_not_know_of_is_double(story: Story) -> None:
    story.event("A", "TaskAccepted", "t1", "e1")
    story.outcome("e1", status="en_route", unit="B")
    assert story.ledger.verdict().double == ("e1",)


@pytest.mark.parametrize("status", ["raised", "assigned", "on_scene"])
def test_what_never_ended_is_lost(story: Story, status: str) -> None:
    story.outcome("e1", status=status, unit=None)
    assert story.ledger.verdict().lost == ("e1",)


def test_what_the_service_does_not_know_is_lost(story: Story) -> None:
    assert story.ledger.verdict().lost == ("e1",)


def test_what_was_cancelled_is_not_lost(story: Story) -> None:
    story.outcome("e1", status="cancelled")
    assert story.ledger.verdict().whole


def test_an_end_missed_in_a_gap_is_made_up_for(story: Story) -> None:
    story.event("A", "TaskAccepted", "t1", "e1")
    story.ledger.caught_up("A", (), story.now + 0.5)
    story.served("B", "t2", "e1", "c1")
    story.outcome("e1")
    assert story.ledger.busy() == 0
    assert story.ledger.verdict().whole


def test_latency_is_of_the_first_frame_of_calls_that_did_not_wait(story: Story) -> None:
    story.call("c2", "e2")
    story.event("A", "TaskOffered", "t1", "e1", "c1")
    story.event("B", "TaskOffered", "t2", "e1", "c1")
    story.event("B", "TaskOffered", "t3", "e2", "c2")
    assert story.ledger.latencies_s({"e2"}) == [1.0]
    assert story.ledger.latencies_s(set()) == [1.0, 3.0]


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, rank) for rank in (50, 90, 99)] == [50.0, 90.0, 99.0]
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 50) is None


def test_times_by_priority_are_virtual() -> None:
    outcome = Outcome(
        emergency="e1",
        status="closed",
        priority=1,
        unit="A",
        raised_at=100.0,
        assigned_at=101.0,
        on_scene_at=103.0,
    )
    never = replace(outcome, emergency="e2", assigned_at=None, on_scene_at=None)
    assert by_priority([outcome, never], 60.0) == {1: ([60.0], [180.0])}
