"""A doctor by themself: duty, availability, the queue of requests."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.availability import Availability, WeeklyWindow
from actors.domain.doctor.commands import (
    GoOffDuty,
    GoOnDuty,
    RegisterDoctor,
    RequestConsultation,
    RetireDoctor,
    Return,
    SetAvailability,
    StepAway,
    UpdateDoctor,
    ViewAvailability,
    ViewDoctor,
    WithdrawRequest,
)
from actors.domain.doctor.state import QUEUE_LIMIT
from actors.domain.kernel import EntityRef, Sender
from actors.domain.views.doctor import AvailabilityView, DoctorView, RequestView
from tests.unit.actors.domain.cast import ADMIN, patient
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import OPS, START, World

D = EntityRef("doctor", "d")
ME = Sender("doctor", "d")


@pytest.fixture
def world() -> World:
    """With one doctor, off duty."""
    world = World()
    command = RegisterDoctor(
        name="Dr Rao", specialties=("cardiology",), registration_number="MCI-1234"
    )
    world.ask(D, command, ADMIN)
    return world


def request(world: World, who: str, priority: int = 3) -> str:
    command = RequestConsultation(patient_id=who, priority=priority, reason="palpitations")
    answer = world.ask(D, command, patient(who)).answer
    assert isinstance(answer, RequestView)
    world.now += 1
    return answer.id


def doctor(world: World) -> Any:
    return world.state(D)


def test_a_doctor_comes_goes_and_steps_away(world: World) -> None:
    for command, status in (
        (GoOnDuty(), "available"),
        (StepAway(), "away"),
        (Return(), "available"),
        (GoOffDuty(), "off_duty"),
    ):
        world.ask(D, command, ME)
        assert doctor(world).status == status
    with refused("impossible_transition", "GoOnDuty"):
        world.ask(D, StepAway(), ME)
    world.check_replay()


def test_nobody_else_sets_a_doctors_duty(world: World) -> None:
    for who in (Sender("doctor", "other"), patient()):
        with refused("forbidden"):
            world.ask(D, GoOnDuty(), who)


def test_who_never_registered_is_not_found() -> None:
    with refused("not_found", "RegisterDoctor"):
        World().ask(D, ViewDoctor(), OPS)


def test_an_update_keeps_what_it_does_not_name(world: World) -> None:
    answer = world.ask(D, UpdateDoctor(name="Dr N Rao"), ME).answer
    assert isinstance(answer, DoctorView)
    assert (answer.name, answer.specialties) == ("Dr N Rao", ("cardiology",))
    assert answer.registration_number == "MCI-1234"


def test_requests_wait_by_priority_then_age_also_off_duty(world: World) -> None:
    ids = {who: request(world, who, p) for who, p in (("a", 3), ("b", 1), ("c", 3))}
    waiting = [r.id for r in doctor(world).requests]
    assert waiting == [ids["b"], ids["a"], ids["c"]]


def test_a_patient_asks_for_themself_and_once(world: World) -> None:
    with refused("forbidden"):
        command = RequestConsultation(patient_id="a", priority=2, reason="x")
        world.ask(D, command, patient("b"))
    request(world, "a")
    with refused("already_requested", "WithdrawRequest"):
        request(world, "a")


def test_a_request_is_withdrawn_by_its_patient_only(world: World) -> None:
    id_ = request(world, "a")
    command = WithdrawRequest(request=id_, reason="better")
    with refused("forbidden"):
        world.ask(D, command, patient("b"))
    world.ask(D, command, patient("a"))
    assert doctor(world).requests == ()
    with refused("unknown_request"):
        world.ask(D, command, OPS)
    request(world, "a")


def test_the_queue_has_an_end(world: World) -> None:
    for n in range(QUEUE_LIMIT):
        request(world, f"p{n}")
    with refused("queue_full"):
        request(world, "one-more")


def test_a_doctor_does_not_retire_while_patients_wait(world: World) -> None:
    id_ = request(world, "a")
    with refused("requests_waiting", "WithdrawRequest"):
        world.ask(D, RetireDoctor(), ADMIN)
    world.ask(D, WithdrawRequest(request=id_, reason="moved"), OPS)
    world.ask(D, RetireDoctor(), ADMIN)
    with refused("impossible_transition"):
        world.ask(D, GoOnDuty(), ME)


def test_anybody_with_an_account_sees_when_a_doctor_is_there(world: World) -> None:
    # START is Friday 2020-04-10, 06:26:40.
    plan = Availability("Asia/Kolkata", (WeeklyWindow(4, 420, 480),))
    world.ask(D, SetAvailability(availability=plan), ME)
    answer = world.ask(D, ViewAvailability(from_s=START, to_s=START + 86_400), patient()).answer
    assert isinstance(answer, AvailabilityView)
    assert [(w.from_, w.to) for w in answer.windows] == [
        ("2020-04-10T07:00:00.000Z", "2020-04-10T08:00:00.000Z")
    ]
    assert answer.timezone == "Asia/Kolkata"


def test_a_plan_that_ends_before_it_begins_is_refused(world: World) -> None:
    plan = Availability("UTC", (WeeklyWindow(4, 480, 420),))
    with refused("invalid_availability"):
        world.ask(D, SetAvailability(availability=plan), ME)


def test_the_inbox_says_who_came_and_how_many_wait(world: World) -> None:
    request(world, "a")
    world.ask(D, WithdrawRequest(request=request(world, "b"), reason="better"), patient("b"))
    updates: list[Any] = [p.data for p in world.publications if p.channel == "inbox:d"]
    assert [(u.event, u.request and u.request.patient_id, u.waiting) for u in updates] == [
        ("DoctorRegistered", None, 0),
        ("ConsultationRequested", "a", 1),
        ("ConsultationRequested", "b", 2),
        ("RequestWithdrawn", "b", 1),
    ]
