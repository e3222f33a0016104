"""What crews decide."""

from __future__ import annotations

from collections import Counter

import pytest

from actors.domain.task import MACHINE, TaskStep
from actors.domain.travel import GreatCircle
from actors.domain.values import Location
from actors.fire_calls.call import Service
from web.replay.crew import TURNOUT_S, City, Habits, answer, next_move

SCENE, BASE = Location(37.75, -122.45), Location(37.77, -122.41)
NEAR, FAR = Location(37.751, -122.451), Location(37.70, -122.40)
CITY = City((FAR, NEAR), GreatCircle())
TRANSPORT = Service(on_scene_s=600, transport=True, hospital_s=900)


def played(service: Service) -> tuple[list[str], float]:
    """The steps of a task from its acceptance at time 0, and when it was over."""
    step, here, now = "accepted", BASE, 0.0
    steps: list[str] = []
    while step != "completed":
        move = next_move(step, SCENE, here, now, service, CITY)  # type: ignore[arg-type]  # steps, as moves name them
        assert move.at >= now
        here = here if move.leg is None else move.leg.at(move.at)
        step, now = move.step, move.at
        steps.append(step)
    return steps, now


@pytest.mark.parametrize("service", [TRANSPORT, Service(on_scene_s=60)])
def test_a_task_is_worked_through_in_steps_that_its_machine_allows(service: Service) -> None:
    steps, _ = played(service)
    at: str = "accepted"
    for step in steps:
        at = MACHINE.next(at, f"ProgressTask:{step}")
    assert at == "completed"


def test_it_takes_the_drives_and_the_service() -> None:
    _, took_s = played(TRANSPORT)
    travel = GreatCircle()
    drives_s = travel.seconds(BASE, SCENE) + travel.seconds(SCENE, NEAR)
    assert took_s == pytest.approx(TURNOUT_S + drives_s + 600 + 900)


def test_the_patient_goes_to_the_nearest_hospital() -> None:
    move = next_move("transporting", SCENE, SCENE, 0.0, TRANSPORT, CITY)
    assert move.leg is not None
    assert move.leg.end == NEAR


@pytest.mark.parametrize(
    "step", ["accepted", "en_route", "on_scene", "transporting", "at_hospital"]
)
def test_a_crew_goes_on_from_whichever_step_it_is_at(step: TaskStep) -> None:
    """As after a restart of its program, with the unit anywhere."""
    move = next_move(step, SCENE, FAR, 7.0, TRANSPORT, CITY)
    assert MACHINE.next(step, f"ProgressTask:{move.step}") == move.step


def test_an_offer_has_no_next_step() -> None:
    with pytest.raises(ValueError, match="before it is answered"):
        next_move("pending", SCENE, BASE, 0.0, TRANSPORT, CITY)


def test_the_same_seed_gives_the_same_answers() -> None:
    first = [answer(1, f"call {n}", "85", Habits()) for n in range(50)]
    assert first == [answer(1, f"call {n}", "85", Habits()) for n in range(50)]
    assert first != [answer(2, f"call {n}", "85", Habits()) for n in range(50)]


def test_crews_decline_and_ignore_the_shares_they_are_told_to() -> None:
    replies = Counter(
        answer(1, f"call {n}", "85", Habits(decline=0.2, ignore=0.1)).reply for n in range(5_000)
    )
    assert replies["decline"] == pytest.approx(1_000, rel=0.1)
    assert replies["ignore"] == pytest.approx(500, rel=0.15)


def test_eager_crews_take_everything() -> None:
    habits = Habits(decline=0, ignore=0)
    assert {answer(1, f"call {n}", "85", habits).reply for n in range(500)} == {"accept"}
