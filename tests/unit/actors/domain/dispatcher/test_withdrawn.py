"""Whose unit was taken goes to the head of its class: before those too who called earlier.

The other waits longer, and cannot be served before the unit is taken: it is held, or needs a skill
that the unit does not have yet. Where the policy takes no units, the desk does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.domain.dispatch import Policy
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatcher.commands import (
    ListSuggestions,
    OverrideAssignment,
    ViewDispatcher,
)
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import HoldEmergency, ReleaseEmergency, TakeOverEmergency
from actors.domain.messages.to_paramedic import DivertUnit
from actors.domain.paramedic.commands import ProgressTask, UpdateParamedic
from actors.domain.registry import kinds
from actors.domain.values import Location
from actors.domain.views.dispatcher import DispatcherView, SuggestionList
from tests.unit.actors.domain.cast import (
    ADMIN,
    CENTRE,
    SYSTEM,
    accept,
    crew,
    emergency_ref,
    north_of_centre,
    offers,
    on_duty,
    only_task,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, OPS, REGION, World

# closest_idle promises one queue by age alone.
RANKED = [policy for policy in POLICIES.values() if policy.name != "closest_idle"]
every_policy = pytest.mark.parametrize("policy", RANKED, ids=[policy.name for policy in RANKED])


def call(world: World, id_: str, priority: int, at: Location, *needs: str) -> None:
    command = TakeOverEmergency(
        patient_id=None, region=REGION, location=at, priority=priority, needs=needs
    )
    world.ask(emergency_ref(id_), command, SYSTEM)


def held(world: World) -> Callable[[], None]:
    """`older` calls, and is held until what is returned is called."""
    call(world, "older", 4, CENTRE)
    world.ask(emergency_ref("older"), HoldEmergency(reason="police first"), OPS)
    return lambda: _ask(world, ReleaseEmergency(ends="hold", reason="they are there"))


def _ask(world: World, release: ReleaseEmergency) -> None:
    world.ask(emergency_ref("older"), release, OPS)


def in_need(world: World) -> Callable[[], None]:
    """`older` calls, and needs what the unit can only do after what is returned was called."""
    call(world, "older", 4, CENTRE, "rescue")
    learnt = UpdateParamedic(skills=("als", "rescue"))
    return lambda: _teach(world, learnt)


def _teach(world: World, learnt: UpdateParamedic) -> None:
    world.ask(unit_ref("u"), learnt, ADMIN)


def withdrawn(policy: Policy, barred: Callable[[World], Callable[[], None]]) -> World:
    """`older` waits, and `minor`, which called later and farther away, and whose unit is with
    `urgent` now. The unit is the only one; it could serve either next."""
    world = World(kinds(DispatchRules(), policy))
    unbar = barred(world)
    world.settle()
    world.advance(60)
    on_duty(world, "u", km=1)
    call(world, "minor", 4, north_of_centre(20))
    world.settle()
    accept(world, "u")
    world.settle()
    progress(world, "u", "en_route")
    world.advance(5)
    raise_emergency(world, "urgent", 1)
    world.settle()
    if only_task(world, "u").emergency != "urgent":
        order = OverrideAssignment(emergency="urgent", unit="u", reason="closest", divert=True)
        world.ask(DISPATCHER, order, OPS)
        world.settle()
    assert only_task(world, "u").emergency == "urgent"
    unbar()
    world.settle()
    return world


@every_policy
@pytest.mark.parametrize("barred", [held, in_need])
def test_it_is_served_before_one_that_waited_longer(
    policy: Policy, barred: Callable[[World], Callable[[], None]]
) -> None:
    world = withdrawn(policy, barred)
    progress(world, "u", "en_route", "on_scene", "completed")
    assert offers(world)[-1] == ("minor", "u")
    accept(world, "u")
    world.settle()
    progress(world, "u", "en_route", "on_scene", "completed")
    assert offers(world)[-1] == ("older", "u")
    world.check_nothing_lost()
    world.check_replay()


def test_the_desk_sees_it_before_one_that_waited_longer() -> None:
    world = withdrawn(POLICIES["preemptive"], held)
    view = world.ask(DISPATCHER, ViewDispatcher(), OPS).answer
    assert isinstance(view, DispatcherView)
    assert [case.emergency for case in view.cases] == ["urgent", "minor", "older"]
    said = world.ask(DISPATCHER, ListSuggestions(), OPS).answer
    assert isinstance(said, SuggestionList)
    assert [one.emergency for one in said.suggestions] == ["minor", "older"]


@pytest.mark.parametrize("name", ["preemptive", "preemptive_lookahead", "combined"])
@pytest.mark.parametrize("stays", [False, True], ids=["it leaves", "it stays"])
def test_who_could_serve_it_is_kept_for_it_while_its_unit_is_asked_to_leave(
    name: str, stays: bool
) -> None:
    """Whatever the dispatcher hears before the unit has answered. Should the unit stay, who was
    kept goes to the more urgent one."""
    world = World(kinds(DispatchRules(), POLICIES[name]))
    on_duty(world, "near", km=1)
    call(world, "minor", 4, north_of_centre(20))
    world.settle()
    accept(world, "near")
    world.settle()
    progress(world, "near", "en_route")
    on_duty(world, "far", km=40)
    world.settle()
    raise_emergency(world, "urgent", 1)
    call(world, "younger", 4, north_of_centre(39))
    while waiting := [n for n, m in enumerate(world.bus) if not isinstance(m.command, DivertUnit)]:
        world.deliver(waiting[0])
    assert offers(world) == [("minor", "near"), ("urgent", "near")]
    if stays:
        task = only_task(world, "near").id
        world.ask(unit_ref("near"), ProgressTask(task=task, step="on_scene"), crew("near"))
    world.settle()
    after = ("urgent", "far") if stays else ("minor", "far")
    assert offers(world)[2:] == [after]
    world.check_nothing_lost()
    world.check_replay()
