"""Idle units are sent to stand by elsewhere: seen by all, within limits, and free on the way."""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch import Move, Plan, Situation
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatch.situation import Part
from actors.domain.dispatcher.events import StationsUpdated, UnitPosted
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.messages.card import StationRef
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.domain.messages.to_paramedic import MoveToStation
from actors.domain.paramedic.commands import DeclineTask, EndBreak, TakeBreak
from actors.domain.paramedic.events import MoveOrdered
from actors.domain.registry import kinds
from actors.domain.travel import TravelEstimate
from tests.unit.actors.domain.cast import (
    SYSTEM,
    accept,
    asked,
    crew,
    north_of_centre,
    on_duty,
    only_task,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, World

NORTH = StationRef("north", "North", north_of_centre(9))
SOUTH = StationRef("south", "South", north_of_centre(-9))


@dataclass(frozen=True, slots=True)
class AllNorth:
    """As `priority`; and whoever is idle is to stand in the north."""

    name: str = "all_north"
    wants: frozenset[Part] = frozenset({"stations"})

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        plan = ByPriority().plan(situation, travel)
        asked = {proposal.unit for proposal in plan.proposals}
        moves = tuple(
            Move(unit.unit, "north", "cover")
            for unit in situation.free
            if unit.unit not in asked and unit.station != "north" and situation.stations
        )
        return Plan(plan.proposals, plan.refused, moves=moves)


def moving(at_once: int = 2, rest_s: float = 600.0) -> World:
    world = World(kinds(DispatchRules(moves_at_once=at_once, move_rest_s=rest_s), AllNorth()))
    world.ask(DISPATCHER, StationsChanged(revision=1, stations=(NORTH, SOUTH)), SYSTEM)
    return world


def test_an_idle_unit_is_sent_and_everybody_sees_where_to() -> None:
    world = moving()
    on_duty(world, "u")
    world.settle()
    move = world.unit("u").move
    assert move is not None and move.station == NORTH
    assert world.unit("u").status == "available"
    assert world.dispatcher.units["u"].station == "north"
    device = [p.data for p in world.publications if p.channel == "device:u"][-1]
    assert device.event == "MoveOrdered" and device.move == NORTH
    ops = [p.data for p in world.publications if p.channel == "ops:north"]
    posted = [p for p in ops if p.event == "UnitPosted"]
    assert [(p.station, p.reason) for p in posted] == [("north", "cover")]
    fleet = [p.data for p in world.publications if p.channel == "fleet:north"][-1]
    assert fleet.station == "north"
    assert len(world.events(DISPATCHER, UnitPosted)) == 1, "and not again while it drives"
    world.check_replay()


def test_a_task_supersedes_it_and_the_unit_is_asked_on_its_way() -> None:
    world = moving()
    on_duty(world, "u")
    world.settle()
    raise_emergency(world, "e")
    world.settle()
    assert only_task(world, "u").emergency == "e"
    assert world.unit("u").move is not None, "an offer is not yet a task"
    accept(world, "u")
    world.settle()
    assert world.unit("u").move is None
    assert world.dispatcher.posts["u"].station is None


def test_no_more_than_so_many_are_on_their_way_at_once() -> None:
    world = moving(at_once=1)
    for unit in ("a", "b", "c"):
        on_duty(world, unit)
    world.settle()
    (first,) = world.events(DISPATCHER, UnitPosted)
    world.advance(first.arrives_at - world.now)
    on_duty(world, "later")  # anything that has the policy asked
    world.settle()
    assert len(world.events(DISPATCHER, UnitPosted)) == 2


def test_who_was_moved_is_left_alone_for_a_while() -> None:
    world = moving(rest_s=600.0)
    asked(world)
    world.ask(unit_ref("u"), DeclineTask(task=only_task(world, "u").id, reason="no"), crew("u"))
    world.settle()
    assert world.unit("u").move is not None
    world.ask(unit_ref("u"), TakeBreak(), crew("u"))
    world.ask(unit_ref("u"), EndBreak(), crew("u"))
    world.settle()
    assert world.unit("u").move is None
    world.advance(601)
    on_duty(world, "v")
    world.settle()
    assert world.unit("u").move is not None


def test_an_order_that_comes_late_is_not_followed() -> None:
    world = moving()
    on_duty(world, "u")
    while not any(isinstance(m.command, MoveToStation) for m in world.bus):
        world.deliver(0)
    (order,) = [m for m in world.bus if isinstance(m.command, MoveToStation)]
    world.ask(unit_ref("u"), TakeBreak(), crew("u"))
    world.settle()
    assert not world.events(unit_ref("u"), MoveOrdered)
    older = MoveToStation(
        station=SOUTH, ordered_at=order.command.ordered_at - 1, reason="an older one"
    )
    world = moving()
    on_duty(world, "u")
    world.settle()
    world.ask(unit_ref("u"), older, SYSTEM)
    assert len(world.events(unit_ref("u"), MoveOrdered)) == 1


def test_older_stations_are_ignored() -> None:
    world = moving()
    world.ask(DISPATCHER, StationsChanged(revision=1, stations=()), SYSTEM)
    assert len(world.events(DISPATCHER, StationsUpdated)) == 1
    world.ask(DISPATCHER, StationsChanged(revision=2, stations=(SOUTH,)), SYSTEM)
    assert world.dispatcher.stations == (SOUTH,)
