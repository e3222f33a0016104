"""A hold: nobody is sent on a policy's word, and nothing is held and forgotten."""

from __future__ import annotations

from actors.domain.dispatcher.events import OfferClosed, OfferMade
from actors.domain.emergency.commands import HoldEmergency
from actors.domain.emergency.events import HoldEnded
from actors.domain.emergency.orders import HOLD_S, LONGEST_HOLD_S
from tests.unit.actors.domain.cast import (
    accept,
    asked,
    emergency_ref,
    on_duty,
    only_task,
    raise_emergency,
)
from tests.unit.actors.domain.emergency.desk import HOLD, RELEASE, order
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, World


def test_what_is_held_is_offered_to_nobody_until_it_is_released(world: World) -> None:
    raise_emergency(world, "e")
    world.settle()
    order(world, HOLD)
    on_duty(world, "u")
    world.settle()
    assert not world.events(DISPATCHER, OfferMade)
    order(world, RELEASE)
    assert only_task(world, "u").emergency == "e"
    world.check_nothing_lost()
    world.check_replay()


def test_whoever_is_just_asked_is_let_go_and_has_not_refused(world: World) -> None:
    asked(world)
    order(world, HOLD)
    assert not world.unit("u").tasks
    assert [e.outcome for e in world.events(DISPATCHER, OfferClosed)] == ["withdrawn"]
    order(world, RELEASE)
    assert only_task(world, "u").emergency == "e"


def test_a_hold_ends_by_itself(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    order(world, HoldEmergency(reason="police first", until=world.now + 90))
    world.advance(89)
    world.settle()
    assert not world.unit("u").tasks
    world.advance(1)
    world.settle()
    assert only_task(world, "u").emergency == "e"
    assert [e.subject for e in world.events(emergency_ref("e"), HoldEnded)] == [None]


def test_nothing_is_held_and_forgotten(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    order(world, HOLD)
    world.advance(HOLD_S - 1)
    world.settle()
    assert not world.unit("u").tasks
    with refused("hold_too_long"):
        order(world, HoldEmergency(reason="x", until=world.now + LONGEST_HOLD_S + 1))
    order(world, HOLD)  # again: from now
    world.advance(HOLD_S - 1)
    world.settle()
    assert not world.unit("u").tasks
    world.advance(1)
    world.settle()
    assert only_task(world, "u").emergency == "e"
    world.check_nothing_lost()


def test_a_crew_that_was_quicker_goes_and_the_hold_is_over(world: World) -> None:
    asked(world)
    world.ask(emergency_ref("e"), HOLD)
    accept(world, "u")
    world.settle()
    assert world.emergency("e").unit == "u" and world.emergency("e").orders.held is None
    world.check_nothing_lost()


def test_nothing_is_held_that_has_a_crew_nor_released_that_is_not_held(world: World) -> None:
    asked(world)
    with refused("not_held"):
        order(world, RELEASE)
    with refused("hold_over"):
        order(world, HoldEmergency(reason="x", until=world.now))
    accept(world, "u")
    world.settle()
    with refused("impossible_transition", "OrderUnits"):
        order(world, HOLD)
