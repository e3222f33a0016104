"""The way of a task, from its acceptance to its end."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.messages.to_dispatcher import TaskEnded
from actors.domain.messages.to_emergency import RecordProgress, ReleaseUnit
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    GoOffDuty,
    HandBackTask,
    ProgressTask,
    TakeBreak,
)
from tests.unit.actors.domain.cast import SYSTEM
from tests.unit.actors.domain.paramedic.unit import ME, U, a_task, accepted, offer, said
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import OPS, World


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
