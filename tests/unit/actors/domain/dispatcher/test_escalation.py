"""Accept or escalate: nobody's call lies about, and the deadlines are in the state."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.domain.dispatcher.events import OpsAlerted
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher, wake_at
from actors.domain.emergency.commands import CancelEmergency, HoldEmergency, ReleaseEmergency
from actors.domain.registry import kinds
from tests.unit.actors.domain.cast import (
    accept,
    asked,
    decline,
    emergency_ref,
    on_duty,
    patient,
    raise_emergency,
)
from tests.unit.actors.domain.world import DISPATCHER, START, World


def alerts(world: World) -> list[tuple[float, int]]:
    """When ops was called, in seconds from the start, and at which level."""
    return [(e.at - START, e.level) for e in world.events(DISPATCHER, OpsAlerted)]


def test_without_a_free_unit_ops_is_called_again_and_again_a_level_higher() -> None:
    world = World()
    raise_emergency(world, "e")
    world.settle()
    world.advance(200)
    assert alerts(world) == [(60, 1), (120, 2), (180, 3)]


def test_a_crew_that_accepts_ends_it() -> None:
    world = World()
    raise_emergency(world, "e")
    world.settle()
    world.advance(70)
    on_duty(world, "u")
    world.settle()
    accept(world, "u")
    world.settle()
    assert world.dispatcher.cases["e"].level == 0
    world.advance(500)
    assert alerts(world) == [(60, 1)]


def test_an_offer_alone_does_not() -> None:
    world = World()
    raise_emergency(world, "e")
    world.settle()
    world.advance(50)
    on_duty(world, "u")
    world.settle()
    world.advance(12)
    assert alerts(world) == [(60, 1)]


def test_refusals_call_ops_at_once_and_time_goes_on_from_there() -> None:
    world = World(kinds(DispatchRules(max_tries=2, escalate_s=40.0)))
    for unit, km in (("a", 1), ("b", 2), ("c", 3)):
        on_duty(world, unit, km)
    raise_emergency(world, "e")
    world.settle()
    for unit in ("a", "b"):
        decline(world, unit)
        world.settle()
    assert alerts(world) == [(0, 1)]
    world.advance(29)
    assert alerts(world) == [(0, 1)]
    world.advance(20)
    assert (40, 2) in alerts(world)


def test_what_is_held_calls_nobody_until_it_is_released() -> None:
    world = World()
    raise_emergency(world, "e")
    world.settle()
    world.ask(emergency_ref("e"), HoldEmergency(reason="police first"))
    world.settle()
    world.advance(300)
    assert alerts(world) == []
    world.ask(emergency_ref("e"), ReleaseEmergency(ends="hold", reason="go"))
    world.settle()
    world.advance(0)
    assert alerts(world) == [(300, 1)]


def test_an_end_ends_it() -> None:
    world = World()
    raise_emergency(world, "e")
    world.settle()
    world.ask(emergency_ref("e"), CancelEmergency(reason="better"), patient())
    world.settle()
    world.advance(300)
    assert alerts(world) == []
    assert wake_at(world.dispatcher) is None


def test_an_operator_can_switch_it_off() -> None:
    world = World(kinds(DispatchRules(escalate_s=None)))
    raise_emergency(world, "e")
    world.settle()
    world.advance(1000)
    assert alerts(world) == []


def test_the_deadlines_are_in_what_is_stored_so_they_outlive_the_shard() -> None:
    world = World()
    asked(world)
    raise_emergency(world, "f")
    world.settle()
    due: dict[Any, float | None] = {}
    for ref, state in world.states.items():
        behaviour = world.kinds[ref.kind]
        stored: Any = msgspec.json.decode(msgspec.json.encode(state), type=behaviour.state_type)
        due[ref] = behaviour.wake_at(stored)
        assert due[ref] == behaviour.wake_at(state)
    assert due[DISPATCHER] == START + 60
    # And old snapshots, without any of it, are read.
    assert msgspec.json.decode(b'{"id": "north"}', type=Dispatcher) == Dispatcher(id="north")
