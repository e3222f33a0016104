"""Staging: units wait near by for the go-ahead, whatever message comes first."""

from __future__ import annotations

import pytest

from actors.domain.messages.to_paramedic import OfferTask, StageTask
from actors.domain.paramedic.commands import ProgressTask
from actors.domain.paramedic.events import TaskStaged
from tests.unit.actors.domain.cast import (
    accept,
    crew,
    emergency_ref,
    engaged,
    late,
    on_duty,
    only_task,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.emergency.desk import GO_AHEAD, HOLD, RELEASE, STAGE, order
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import World


def test_a_staged_crew_goes_in_with_the_go_ahead_alone(world: World) -> None:
    raise_emergency(world, "e")
    order(world, STAGE)
    on_duty(world, "u")
    world.settle()
    task = only_task(world, "u")
    assert task.staged and task.staging == STAGE.location
    accept(world, "u")
    world.settle()
    progress(world, "u", "en_route")
    with refused("staged", "HandBackTask"):
        progress(world, "u", "on_scene")
    order(world, GO_AHEAD)
    progress(world, "u", "on_scene")
    assert world.emergency("e").status == "on_scene"
    world.check_nothing_lost()


def test_the_way_to_the_staging_point_is_what_is_estimated(world: World) -> None:
    on_duty(world, "at_scene", 0)
    on_duty(world, "at_staging", 2)
    raise_emergency(world, "e")
    world.ask(emergency_ref("e"), STAGE)
    world.bus.reverse()
    world.settle()
    assert only_task(world, "at_staging").eta_s == pytest.approx(0, abs=1)


def test_orders_to_wait_and_to_go_in_that_change_places_end_as_meant(world: World) -> None:
    engaged(world)
    world.ask(emergency_ref("e"), STAGE)
    world.deliver(0)
    first = late(world, StageTask)
    order(world, GO_AHEAD)
    world.bus.append(first)
    world.settle()
    assert not only_task(world, "u").staged


@pytest.mark.parametrize("go_ahead", [False, True])
def test_where_to_wait_is_known_although_the_offer_came_after_it(
    world: World, go_ahead: bool
) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    if go_ahead:
        order(world, HOLD)
        order(world, STAGE)
        world.ask(emergency_ref("e"), RELEASE)
    while not any(isinstance(m.command, OfferTask) for m in world.bus):
        world.deliver(0)
    offer = late(world, OfferTask)
    order(world, GO_AHEAD if go_ahead else STAGE)
    world.bus.append(offer)
    world.settle()
    assert only_task(world, "u").staged is go_ahead, "as it was when the offer was made"
    accept(world, "u")
    world.settle()
    assert only_task(world, "u").staged is not go_ahead
    world.check_nothing_lost()
    world.check_replay()


def test_who_was_offered_it_as_it_is_now_hears_of_the_staging_point_once(world: World) -> None:
    raise_emergency(world, "e")
    order(world, STAGE)
    on_duty(world, "u")
    world.settle()
    accept(world, "u")
    world.settle()
    assert only_task(world, "u").staged and not world.events(unit_ref("u"), TaskStaged)


def test_a_crew_on_scene_is_not_staged(world: World) -> None:
    engaged(world)
    world.ask(emergency_ref("e"), STAGE)
    task = only_task(world, "u").id
    for step in ("en_route", "on_scene"):
        command = ProgressTask(task=task, step=step)
        world.ask(unit_ref("u"), command, crew("u"))
    world.settle()
    assert not world.events(unit_ref("u"), TaskStaged)
    with refused("impossible_transition"):
        order(world, STAGE)
