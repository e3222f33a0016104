"""An emergency by itself: raising, cancelling, overriding, viewing, following its crew."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.emergency.commands import (
    CancelEmergency,
    OverridePriority,
    RaiseEmergency,
    ViewEmergency,
)
from actors.domain.emergency.decide import LONGEST_WAIT_S
from actors.domain.emergency.machine import MACHINE
from actors.domain.kernel import EntityRef, Sender
from actors.domain.messages.to_dispatcher import EmergencyChanged, RemoveEmergency
from actors.domain.messages.to_emergency import AssignUnit, RecordProgress, ReleaseUnit
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.values import Location
from actors.domain.views.emergency import EmergencyDetail
from tests.unit.actors.domain.cast import (
    ADMIN,
    ANSWERS,
    CENTRE,
    SYSTEM,
    crew,
    emergency_ref,
    patient,
    raise_emergency,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, World

E = emergency_ref("e")


@pytest.fixture
def world() -> World:
    """With one emergency just raised."""
    world = World()
    raise_emergency(world, "e", priority=2)
    return world


def assign(attempt: int = 1, unit: str = "u1", at: float = 0.0) -> AssignUnit:
    return AssignUnit(unit=unit, task=f"t{attempt}", attempt=attempt, accepted_at=at, eta_s=300.0)


def step(name: Any, attempt: int = 1, unit: str = "u1", at: float = 0.0) -> RecordProgress:
    return RecordProgress(
        unit=unit,
        task=f"t{attempt}",
        attempt=attempt,
        accepted_at=at,
        eta_s=300.0,
        step=name,
        at=at,
        outcome="handed_over" if name == "completed" else None,
    )


def release(attempt: int = 1, unit: str = "u1") -> ReleaseUnit:
    return ReleaseUnit(unit=unit, task=f"t{attempt}", attempt=attempt, reason="breakdown")


def test_raising_decides_priority_and_needs_by_triage_and_tells_the_dispatcher(
    world: World,
) -> None:
    emergency = world.emergency("e")
    assert (emergency.status, emergency.priority, emergency.needs) == ("raised", 2, ("als",))
    assert emergency.triage_reasons == ("chest_pain:yes",)
    (message,) = world.bus
    assert message.to == DISPATCHER
    assert message.command == EmergencyChanged(card=emergency.card())


def test_wanted_skills_come_on_top_of_those_of_triage() -> None:
    world = World()
    command = RaiseEmergency(
        patient_id="pat",
        region="north",
        location=CENTRE,
        answers=ANSWERS[1],
        needs=("rescue", "als"),
    )
    world.ask(E, command, patient())
    assert world.emergency("e").needs == ("als", "rescue")


def test_what_was_taken_during_an_outage_is_as_old_as_its_call() -> None:
    world = World()
    called = world.now - 3600
    raise_emergency(world, "e", received_at=called)
    emergency = world.emergency("e")
    assert (emergency.raised_at, emergency.entered_at) == (called, world.now)
    assert emergency.card().raised_at == called
    assert emergency.times == {"raised": world.now}


@pytest.mark.parametrize("off", [1.0, 0.0, -LONGEST_WAIT_S - 1])
def test_a_clock_that_cannot_be_right_moves_nobody_in_the_queue(off: float) -> None:
    world = World()
    raise_emergency(world, "e", received_at=world.now + off)
    emergency = world.emergency("e")
    assert (emergency.raised_at, emergency.entered_at) == (world.now, None)


def test_an_emergency_is_raised_once(world: World) -> None:
    with refused("impossible_transition", "CancelEmergency"):
        raise_emergency(world, "e")


def test_what_was_never_raised_is_not_found() -> None:
    world = World()
    with refused("not_found", "RaiseEmergency"):
        world.ask(E, ViewEmergency(), OPS)
    with refused("not_found"):
        world.ask(E, CancelEmergency(reason="?"), OPS)


def test_a_stranger_learns_nothing_not_even_that_there_is_nothing(world: World) -> None:
    for ref in (E, emergency_ref("nowhere")):
        with refused("forbidden"):
            world.ask(ref, ViewEmergency(), patient("stranger"))


def test_only_the_patient_or_staff_raise_for_a_patient() -> None:
    command = RaiseEmergency(patient_id="pat", region="north", location=Location(0, 0))
    for who in (patient("other"), crew("u1"), Sender("doctor", "d")):
        with refused("forbidden"):
            World().ask(E, command, who)
    for who in (patient(), OPS, ADMIN, SYSTEM):
        assert World().ask(E, command, who).events


def test_the_patient_cancels_with_a_reason_and_the_dispatcher_hears_of_it(world: World) -> None:
    world.bus.clear()
    world.ask(E, CancelEmergency(reason="all well"), patient())
    cancellation = world.emergency("e").cancellation
    assert cancellation is not None
    assert (cancellation.subject, cancellation.reason) == ("pat", "all well")
    assert [m.command for m in world.bus] == [RemoveEmergency(emergency="e", reason="cancelled")]


def test_a_cancel_with_a_crew_on_its_way_calls_the_crew_back(world: World) -> None:
    world.ask(E, assign(), SYSTEM)
    world.bus.clear()
    world.ask(E, CancelEmergency(reason="all well"), patient())
    withdrawn = [m for m in world.bus if isinstance(m.command, WithdrawTask)]
    assert [(m.to, m.command.task, m.command.emergency_over) for m in withdrawn] == [
        (EntityRef("paramedic", "u1"), "t1", True)
    ]


@pytest.mark.parametrize("steps", [(), ("en_route",), ("on_scene",), ("at_hospital",)])
def test_it_can_be_cancelled_in_every_state_but_the_last_ones(
    world: World, steps: tuple[str, ...]
) -> None:
    world.ask(E, assign(), SYSTEM)
    for name in steps:
        world.ask(E, step(name), SYSTEM)
    world.ask(E, CancelEmergency(reason="no"), OPS)
    with refused("impossible_transition"):
        world.ask(E, CancelEmergency(reason="no"), OPS)


def test_staff_override_the_priority_for_a_reason_that_is_kept(world: World) -> None:
    world.bus.clear()
    world.ask(E, OverridePriority(priority=1, reason="heard gasping"), OPS)
    emergency = world.emergency("e")
    assert (emergency.priority, emergency.triage_priority) == (1, 2)
    (override,) = emergency.overrides
    assert (override.previous, override.subject, override.reason) == (2, "ops-1", "heard gasping")
    assert [m.command.card.priority for m in world.bus] == [1]


def test_an_override_to_the_same_priority_changes_nothing(world: World) -> None:
    assert world.ask(E, OverridePriority(priority=2, reason="?"), OPS).events == ()


def test_only_staff_override(world: World) -> None:
    for who in (patient(), crew("u1"), SYSTEM):
        with refused("forbidden"):
            world.ask(E, OverridePriority(priority=1, reason="please"), who)


def test_the_crew_sees_it_while_it_is_the_crew_and_not_after(world: World) -> None:
    with refused("forbidden"):
        world.ask(E, ViewEmergency(), crew("u1"))
    world.ask(E, assign(), SYSTEM)
    answer = world.ask(E, ViewEmergency(), crew("u1")).answer
    assert isinstance(answer, EmergencyDetail)
    assert answer.contact_phone == "+91 11 5550100"
    world.ask(E, release(), SYSTEM)
    with refused("forbidden"):
        world.ask(E, ViewEmergency(), crew("u1"))


def test_of_what_is_over_nobody_is_the_crew_any_more(world: World) -> None:
    world.ask(E, assign(), SYSTEM)
    world.ask(E, CancelEmergency(reason="well"), patient())
    assert world.emergency("e").crew == ()
    with refused("forbidden"):
        world.ask(E, ViewEmergency(), crew("u1"))


def test_viewing_changes_nothing(world: World) -> None:
    decision = world.ask(E, ViewEmergency(), patient())
    assert (decision.events, decision.sends) == ((), ())


def test_messages_of_entities_are_taken_from_nobody_else(world: World) -> None:
    for who in (patient(), crew("u1"), OPS, ADMIN):
        with refused("forbidden"):
            world.ask(E, assign(), who)


def test_it_follows_its_crew_to_the_end(world: World) -> None:
    world.ask(E, assign(at=10.0), SYSTEM)
    assert world.emergency("e").eta_at == 310.0
    for at, name in enumerate(("en_route", "on_scene", "transporting", "at_hospital"), 11):
        world.ask(E, step(name, at=at), SYSTEM)
        assert world.emergency("e").status == name
    assert world.emergency("e").eta_at is None
    world.ask(E, step("completed", at=20.0), SYSTEM)
    assert world.emergency("e").status == "closed"
    assert world.bus[-1].command == RemoveEmergency(emergency="e", reason="closed")


def test_a_step_that_is_overtaken_by_a_later_one_is_ignored(world: World) -> None:
    world.ask(E, assign(), SYSTEM)
    world.ask(E, step("on_scene"), SYSTEM)
    assert world.ask(E, step("en_route"), SYSTEM).events == ()
    assert world.emergency("e").status == "on_scene"


def test_progress_stands_for_an_assignment_that_is_late(world: World) -> None:
    world.ask(E, step("on_scene"), SYSTEM)
    emergency = world.emergency("e")
    assert (emergency.status, emergency.unit) == ("on_scene", "u1")
    assert world.ask(E, assign(), SYSTEM).events == ()


def test_a_released_unit_leads_back_to_raised_and_its_repeat_to_nothing(world: World) -> None:
    world.ask(E, assign(), SYSTEM)
    world.ask(E, step("en_route"), SYSTEM)
    world.ask(E, release(), SYSTEM)
    emergency = world.emergency("e")
    assert (emergency.status, emergency.unit, emergency.eta_at) == ("raised", None, None)
    for late in (release(), assign(), step("on_scene")):
        assert world.ask(E, late, SYSTEM).events == ()


def test_an_assignment_overtaken_by_its_own_release_is_ignored(world: World) -> None:
    world.ask(E, release(), SYSTEM)
    assert world.ask(E, assign(), SYSTEM).events == ()
    assert world.emergency("e").status == "raised"


def test_a_later_crew_takes_the_place_of_one_whose_release_is_late(world: World) -> None:
    world.ask(E, assign(1, "u1"), SYSTEM)
    world.ask(E, assign(2, "u2"), SYSTEM)
    assert world.emergency("e").unit == "u2"
    assert world.ask(E, release(1, "u1"), SYSTEM).events == ()
    assert world.emergency("e").unit == "u2"


def test_a_crew_that_accepts_what_is_cancelled_is_called_back_and_nobody_else_sent(
    world: World,
) -> None:
    world.ask(E, CancelEmergency(reason="all well"), patient())
    decision = world.ask(E, assign(), SYSTEM)
    assert decision.events == ()
    kinds = {(str(send.to), type(send.command)) for send in decision.sends}
    assert kinds == {("paramedic:u1", WithdrawTask), ("dispatcher:north", RemoveEmergency)}


def test_what_is_published_has_no_health_data_and_no_phone(world: World) -> None:
    world.ask(E, assign(), SYSTEM)
    world.ask(E, CancelEmergency(reason="chest tight no more"), patient())
    published = [p for p in world.publications if p.channel == "emergency:e"]
    assert [p.data.event for p in published] == [
        "EmergencyRaised",
        "UnitAssigned",
        "EmergencyCancelled",
    ]
    assert "chest" not in repr(published) and "5550100" not in repr(published)


def test_every_change_of_state_is_an_arrow_of_the_table() -> None:
    world = World()
    raise_emergency(world, "e")
    seen: set[tuple[str, str]] = set()
    for command in (
        assign(1),
        step("en_route", 1),
        release(1),
        assign(2),
        step("on_scene", 2),
        step("transporting", 2),
        step("completed", 2),
    ):
        before = world.emergency("e").status
        assert world.ask(E, command, SYSTEM).events
        seen.add((before, world.emergency("e").status))
    assert seen <= {(state, to) for (state, _), to in MACHINE.table.items()}
