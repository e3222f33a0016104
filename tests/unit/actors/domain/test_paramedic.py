"""A paramedic by itself: shifts, offers, the way of a task, handing back."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from actors.domain import views
from actors.domain.kernel import EntityRef, Wake
from actors.domain.messages import (
    AssignUnit,
    Offer,
    OfferAnswered,
    OfferTask,
    RecordProgress,
    ReleaseUnit,
    ReprioritizeTask,
    TaskEnded,
    UnitChanged,
    WithdrawTask,
)
from actors.domain.paramedic import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ListTasks,
    ProgressTask,
    RegisterParamedic,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
    ViewParamedic,
)
from actors.domain.registry import KINDS
from actors.domain.task import Task
from actors.domain.values import Position
from tests.unit.actors.domain.cast import (
    ADMIN,
    CENTRE,
    SYSTEM,
    crew,
    on_duty,
    patient,
    register,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, REGION, START, World

U = unit_ref("u")
ME = crew("u")
HERE = Position(CENTRE.lat, CENTRE.lon, START)


def a_task(id_: str = "t", priority: int = 2, raised_at: float = START - 5) -> Task:
    return Task(
        id=id_,
        emergency=f"e-{id_}",
        region=REGION,
        attempt=1,
        revision=1,
        patient_id="pat",
        priority=priority,
        location=CENTRE,
        address="12 Ring Road",
        symptoms=("chest tight",),
        needs=("als",),
        raised_at=raised_at,
        offered_at=START,
        expires_at=START + 30,
        eta_s=240.0,
    )


def offer_of(task: Task) -> Offer:
    return Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
    )


@pytest.fixture
def world() -> World:
    """With one unit available, and nobody waiting to hear anything."""
    world = World()
    on_duty(world, "u")
    world.bus.clear()
    return world


def offer(world: World, task: Task) -> None:
    world.ask(U, OfferTask(task=task), SYSTEM)


def accepted(world: World, task: Task | None = None) -> Task:
    task = task or a_task()
    offer(world, task)
    world.ask(U, AcceptTask(task=task.id), ME)
    world.bus.clear()
    return task


def said(world: World, kind: type[Any]) -> list[Any]:
    return [m.command for m in world.bus if isinstance(m.command, kind)]


# --- registration and shifts


def test_staff_register_a_unit_that_is_off_duty_and_its_dispatcher_hears_of_it() -> None:
    world = World()
    register(world, "u", ("rescue", "als", "als"))
    unit = world.unit("u")
    assert (unit.status, unit.skills) == ("off_duty", ("als", "rescue"))
    (message,) = world.bus
    assert (message.to, message.command) == (DISPATCHER, UnitChanged(unit=unit.unit_status()))


def test_a_unit_cannot_register_itself_nor_twice() -> None:
    world = World()
    command = RegisterParamedic(name="U", region=REGION, skills=(), vehicle="van")
    with refused("forbidden"):
        world.ask(U, command, ME)
    world.ask(U, command, ADMIN)
    with refused("impossible_transition", "GoOnDuty", "RetireParamedic"):
        world.ask(U, command, ADMIN)


def test_who_never_registered_is_not_found_and_takes_no_offers() -> None:
    world = World()
    for command in (ViewParamedic(), GoOnDuty(position=HERE)):
        with refused("not_found", "RegisterParamedic"):
            world.ask(U, command, OPS)
    assert world.ask(U, OfferTask(task=a_task()), SYSTEM).events == ()


def test_a_shift_with_a_break(world: World) -> None:
    for command, status in (
        (TakeBreak(), "on_break"),
        (EndBreak(), "available"),
        (GoOffDuty(), "off_duty"),
        (GoOnDuty(position=HERE), "available"),
    ):
        world.ask(U, command, ME)
        assert world.unit("u").status == status
    assert [m.unit.free for m in said(world, UnitChanged)] == [False, True, False, True]


def test_what_is_impossible_says_what_is_possible(world: World) -> None:
    with refused("impossible_transition", "GoOffDuty", "TakeBreak"):
        world.ask(U, GoOnDuty(position=HERE), ME)
    with refused("impossible_transition", "TakeBreak"):
        world.ask(U, EndBreak(), ME)
    with refused("impossible_transition", "GoOffDuty"):
        world.ask(U, RetireParamedic(), ADMIN)


def test_another_crew_may_not_speak_for_it(world: World) -> None:
    for who in (crew("other"), patient()):
        for command in (GoOffDuty(), ViewParamedic(), ListTasks(), AcceptTask(task="t")):
            with refused("forbidden"):
                world.ask(U, command, who)


def test_staff_may_not_accept_for_a_crew(world: World) -> None:
    offer(world, a_task())
    with refused("forbidden"):
        world.ask(U, AcceptTask(task="t"), ADMIN)


def test_an_update_keeps_what_it_does_not_name(world: World) -> None:
    world.ask(U, UpdateParamedic(skills=("bls",)), ADMIN)
    unit = world.unit("u")
    assert (unit.name, unit.skills, unit.vehicle) == ("U", ("bls",), "van")
    assert [m.unit.skills for m in said(world, UnitChanged)] == [("bls",)]


def test_a_unit_changes_its_region_only_off_duty_and_both_dispatchers_hear_of_it(
    world: World,
) -> None:
    with refused("impossible_transition", "GoOffDuty"):
        world.ask(U, UpdateParamedic(region="south"), ADMIN)
    world.ask(U, GoOffDuty(), ME)
    world.bus.clear()
    world.ask(U, UpdateParamedic(region="south"), ADMIN)
    assert [str(m.to) for m in world.bus] == ["dispatcher:north", "dispatcher:south"]


def test_who_retired_never_comes_back(world: World) -> None:
    world.ask(U, GoOffDuty(), ME)
    world.ask(U, RetireParamedic(), ADMIN)
    with refused("impossible_transition"):
        world.ask(U, GoOnDuty(position=HERE), ME)
    assert said(world, UnitChanged)[-1].unit.status == "retired"


# --- offers


def test_an_offer_waits_in_the_queue_until_it_expires(world: World) -> None:
    offer(world, a_task())
    assert KINDS["paramedic"].wake_at(world.unit("u")) == START + 30
    world.advance(29.9)
    assert [t.id for t in world.unit("u").tasks] == ["t"]
    world.advance(0.2)
    assert world.unit("u").tasks == ()
    assert [a.outcome for a in said(world, OfferAnswered)] == ["expired"]


def test_the_queue_is_ordered_by_priority_then_age(world: World) -> None:
    for task in (a_task("late", 2, START - 1), a_task("low", 3), a_task("old", 2, START - 9)):
        offer(world, task)
    answer = world.ask(U, ListTasks(), ME).answer
    assert isinstance(answer, views.TaskList)
    assert [task.id for task in answer.tasks] == ["old", "late", "low"]


def test_accepting_tells_the_dispatcher_and_the_emergency(world: World) -> None:
    offer(world, a_task())
    world.ask(U, AcceptTask(task="t"), ME)
    assert world.unit("u").status == "on_task"
    (assign,) = said(world, AssignUnit)
    assert (assign.unit, assign.task, assign.eta_s) == ("u", "t", 240.0)
    (answer,) = said(world, OfferAnswered)
    assert (answer.outcome, answer.unit.free) == ("accepted", False)
    assert not said(world, UnitChanged), "the answer carries the unit's status"


def test_a_live_task_claims_the_unit_and_the_emergency(world: World) -> None:
    claims = KINDS["paramedic"].claims
    offer(world, a_task())
    assert claims(world.unit("u")) == ()
    world.ask(U, AcceptTask(task="t"), ME)
    held = {(claim.key, claim.holder) for claim in claims(world.unit("u"))}
    assert held == {("live-task:paramedic:u", "t"), ("live-task:emergency:e-t", "t")}


def test_taking_one_offer_declines_the_others(world: World) -> None:
    offer(world, a_task("a"))
    offer(world, a_task("b"))
    world.ask(U, AcceptTask(task="a"), ME)
    assert {a.task: a.outcome for a in said(world, OfferAnswered)} == {
        "a": "accepted",
        "b": "unavailable",
    }


def test_declining_needs_a_reason_and_leaves_the_crew_available(world: World) -> None:
    offer(world, a_task())
    world.ask(U, DeclineTask(task="t", reason="no fuel"), ME)
    assert world.unit("u").status == "available"
    (answer,) = said(world, OfferAnswered)
    assert (answer.outcome, answer.reason) == ("declined", "no fuel")


def test_an_offer_whose_time_is_over_cannot_be_accepted_even_before_its_wake(
    world: World,
) -> None:
    offer(world, a_task())
    world.now += 30
    with refused("offer_expired"):
        world.ask(U, AcceptTask(task="t"), ME)
    world.ask(U, Wake(), SYSTEM)
    with refused("unknown_task"):
        world.ask(U, AcceptTask(task="t"), ME)


def test_a_wake_too_early_or_twice_changes_nothing(world: World) -> None:
    offer(world, a_task())
    assert world.ask(U, Wake(), SYSTEM).events == ()
    world.now += 31
    assert world.ask(U, Wake(), SYSTEM).events
    assert world.ask(U, Wake(), SYSTEM).events == ()


@pytest.mark.parametrize("command", [GoOffDuty(), TakeBreak()])
def test_leaving_declines_what_was_offered(world: World, command: Any) -> None:
    offer(world, a_task())
    world.ask(U, command, ME)
    assert world.unit("u").tasks == ()
    (answer,) = said(world, OfferAnswered)
    assert (answer.outcome, answer.unit.free) == ("unavailable", False)


def test_who_is_not_free_is_not_asked(world: World) -> None:
    accepted(world, a_task("live"))
    offer(world, a_task("other"))
    assert [t.id for t in world.unit("u").tasks] == ["live"]
    assert [a.outcome for a in said(world, OfferAnswered)] == ["unavailable"]


def test_an_offer_that_comes_too_late_is_answered_expired(world: World) -> None:
    world.now += 30
    offer(world, a_task())
    assert world.unit("u").tasks == ()
    assert [a.outcome for a in said(world, OfferAnswered)] == ["expired"]


@pytest.mark.parametrize("end", ["decline", "expire", "complete", "refuse"])
def test_an_offer_that_is_repeated_after_its_end_is_known_for_a_repeat(
    world: World, end: str
) -> None:
    match end:
        case "decline":
            offer(world, a_task())
            world.ask(U, DeclineTask(task="t", reason="no"), ME)
        case "expire":
            offer(world, a_task())
            world.advance(31)
            world.now = START + 29  # as another shard's clock may have it
        case "complete":
            accepted(world)
            for step in ("en_route", "on_scene", "completed"):
                world.ask(U, ProgressTask(task="t", step=step), ME)
        case _:
            world.ask(U, TakeBreak(), ME)
            offer(world, a_task())
            world.ask(U, EndBreak(), ME)
    world.bus.clear()
    offer(world, a_task())
    assert world.unit("u").tasks == () and not world.bus


def test_ended_offers_are_forgotten_when_no_repeat_can_come_any_more(world: World) -> None:
    for n in range(50):
        offer(world, replace(a_task(f"t{n}"), expires_at=world.now + 30))
        world.advance(40)
    assert len(world.unit("u").spent) <= 3


# --- the way of a task


def test_a_crew_goes_step_by_step_and_the_emergency_hears_of_each(world: World) -> None:
    accepted(world)
    for step in ("en_route", "on_scene", "transporting", "at_hospital", "completed"):
        world.ask(U, ProgressTask(task="t", step=step), ME)
    steps = [(p.step, p.outcome) for p in said(world, RecordProgress)]
    assert steps == [
        ("en_route", None),
        ("on_scene", None),
        ("transporting", None),
        ("at_hospital", None),
        ("completed", "handed_over"),
    ]
    assert [e.outcome for e in said(world, TaskEnded)] == ["completed"]
    assert world.unit("u").status == "available"


def test_a_patient_treated_on_scene_needs_no_transport(world: World) -> None:
    accepted(world)
    for step in ("en_route", "on_scene", "completed"):
        world.ask(U, ProgressTask(task="t", step=step), ME)
    assert said(world, RecordProgress)[-1].outcome == "treated_on_scene"


def test_steps_cannot_be_skipped_or_gone_back(world: World) -> None:
    accepted(world)
    with refused("impossible_transition", "ProgressTask:en_route", "HandBackTask"):
        world.ask(U, ProgressTask(task="t", step="transporting"), ME)
    world.ask(U, ProgressTask(task="t", step="en_route"), ME)
    with refused("impossible_transition", "ProgressTask:on_scene"):
        world.ask(U, ProgressTask(task="t", step="en_route"), ME)


def test_an_offer_must_be_accepted_before_it_is_worked_on(world: World) -> None:
    offer(world, a_task())
    for command in (
        ProgressTask(task="t", step="en_route"),
        HandBackTask(task="t", reason="no"),
    ):
        with refused("impossible_transition", "AcceptTask", "DeclineTask"):
            world.ask(U, command, ME)


def test_an_accepted_task_is_not_declined_but_handed_back(world: World) -> None:
    accepted(world)
    with refused("impossible_transition", "HandBackTask"):
        world.ask(U, DeclineTask(task="t", reason="no"), ME)


def test_a_task_that_was_never_offered_is_unknown(world: World) -> None:
    with refused("unknown_task"):
        world.ask(U, AcceptTask(task="nowhere"), ME)


@pytest.mark.parametrize("command", [GoOffDuty(), TakeBreak()])
def test_with_a_live_task_one_leaves_only_by_handing_it_back(world: World, command: Any) -> None:
    accepted(world)
    with refused("impossible_transition", "HandBackTask"):
        world.ask(U, command, ME)
    world.ask(U, HandBackTask(task="t", reason="breakdown"), ME)
    world.ask(U, command, ME)
    (end,) = said(world, TaskEnded)
    assert (end.outcome, end.reason) == ("handed_back", "breakdown")
    (release,) = said(world, ReleaseUnit)
    assert (release.unit, release.task) == ("u", "t")


def test_a_live_task_is_withdrawn_and_both_sides_hear_of_it(world: World) -> None:
    accepted(world)
    world.ask(U, WithdrawTask(task="t", reason="over", emergency_over=True), SYSTEM)
    assert world.unit("u").status == "available"
    assert [e.outcome for e in said(world, TaskEnded)] == ["cancelled"]
    assert said(world, ReleaseUnit)
    assert world.ask(U, WithdrawTask(task="t", reason="over"), SYSTEM).events == ()


def test_staff_withdraw_a_task_but_cannot_declare_its_emergency_over(world: World) -> None:
    accepted(world)
    with refused("forbidden"):
        world.ask(U, WithdrawTask(task="t", reason="no"), ME)
    world.ask(U, WithdrawTask(task="t", reason="nearer crew", emergency_over=True), OPS)
    assert [e.outcome for e in said(world, TaskEnded)] == ["withdrawn"]
    with refused("unknown_task"):
        world.ask(U, WithdrawTask(task="t", reason="again"), OPS)


def test_an_offer_overtaken_by_its_withdrawal_is_answered_and_never_taken_in(
    world: World,
) -> None:
    task = a_task()
    withdraw = WithdrawTask(task="t", reason="over", emergency_over=True, offer=offer_of(task))
    world.ask(U, withdraw, SYSTEM)
    assert [a.outcome for a in said(world, OfferAnswered)] == ["withdrawn"]
    world.bus.clear()
    offer(world, task)
    world.ask(U, withdraw, SYSTEM)
    assert world.unit("u").tasks == () and not world.bus


def test_a_new_priority_reorders_the_queue_and_an_older_one_does_not(world: World) -> None:
    offer(world, a_task("a", 2))
    offer(world, a_task("b", 3))
    world.ask(U, ReprioritizeTask(task="b", priority=1, revision=3), SYSTEM)
    assert [t.id for t in world.unit("u").tasks] == ["b", "a"]
    late = ReprioritizeTask(task="b", priority=4, revision=2)
    assert world.ask(U, late, SYSTEM).events == ()


# --- what is published


def test_the_device_gets_the_task_with_all_its_crew_needs(world: World) -> None:
    world.publications.clear()
    offer(world, a_task())
    (update,) = [p.data for p in world.publications if p.channel == "device:u"]
    assert (update.event, update.tasks) == ("TaskOffered", ("t",))
    assert update.task.symptoms == ("chest tight",)
    assert update.task.expires_at.endswith("Z")


def test_the_device_sees_what_was_taken_from_it(world: World) -> None:
    accepted(world)
    world.publications.clear()
    world.ask(U, WithdrawTask(task="t", reason="over"), SYSTEM)
    (update,) = [p.data for p in world.publications if p.channel == "device:u"]
    assert (update.task.id, update.tasks, update.reason) == ("t", (), "over")


def test_the_fleet_sees_status_and_task_but_not_offers(world: World) -> None:
    world.publications.clear()
    offer(world, a_task())
    assert not [p for p in world.publications if p.channel == f"fleet:{REGION}"]
    world.ask(U, AcceptTask(task="t"), ME)
    (row,) = [p for p in world.publications if p.channel == f"fleet:{REGION}"]
    assert (row.delivery, row.key) == ("latest", "u")
    assert (row.data.status, row.data.emergency) == ("on_task", "e-t")
    assert "chest" not in repr(row)


def test_an_answer_to_an_offer_goes_to_who_made_it(world: World) -> None:
    offer(world, replace(a_task(), region="south"))
    world.ask(U, DeclineTask(task="t", reason="no"), ME)
    assert [m.to for m in world.bus] == [EntityRef("dispatcher", "south")]
