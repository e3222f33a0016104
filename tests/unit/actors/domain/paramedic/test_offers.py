"""Offers to a crew: accepted, declined, expired, withdrawn, repeated."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from actors.domain.kernel import EntityRef, Wake
from actors.domain.messages.to_dispatcher import OfferAnswered, UnitChanged
from actors.domain.messages.to_emergency import AssignUnit
from actors.domain.messages.to_paramedic import Offer, ReprioritizeTask, WithdrawTask
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    ListTasks,
    ProgressTask,
    TakeBreak,
)
from actors.domain.registry import KINDS
from actors.domain.task import Task
from actors.domain.views.paramedic import TaskList
from tests.unit.actors.domain.cast import SYSTEM
from tests.unit.actors.domain.paramedic.unit import ME, U, a_task, accepted, offer, said
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import START, World


def offer_of(task: Task) -> Offer:
    return Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
    )


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
    assert isinstance(answer, TaskList)
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


def test_an_answer_to_an_offer_goes_to_who_made_it(world: World) -> None:
    offer(world, replace(a_task(), region="south"))
    world.ask(U, DeclineTask(task="t", reason="no"), ME)
    assert [m.to for m in world.bus] == [EntityRef("dispatcher", "south")]
