"""What an emergency or a crew says meanwhile: cancelled, handed back, another priority."""

from __future__ import annotations

import pytest

from actors.domain.dispatcher.apply_cards import TOMBSTONES
from actors.domain.dispatcher.events import CrewLost
from actors.domain.emergency.commands import CancelEmergency, OverridePriority
from actors.domain.kernel import EntityRef
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import HandBackTask
from tests.unit.actors.domain.cast import (
    accept,
    asked,
    asked_among,
    crew,
    emergency_ref,
    offers,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, OPS, World


def test_a_cancel_with_an_offer_out_takes_the_offer_back(world: World) -> None:
    asked(world)
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    world.settle()
    assert world.unit("u").tasks == ()
    assert not world.dispatcher.cases and not world.dispatcher.reserved


@pytest.mark.parametrize("emergency_first", [True, False])
def test_a_cancel_that_races_an_accept_ends_with_a_free_crew(
    world: World, emergency_first: bool
) -> None:
    asked(world)
    accept(world, "u")
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    if not emergency_first:
        world.bus.reverse()
    world.settle()
    assert world.unit("u").status == "available"
    assert world.emergency("e").status == "cancelled"
    world.check_nothing_lost()


def test_a_cancel_calls_back_a_crew_that_is_engaged(world: World) -> None:
    asked(world)
    accept(world, "u")
    progress(world, "u", "en_route")
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    called_back = [m.to for m in world.bus if isinstance(m.command, WithdrawTask)]
    assert called_back == [EntityRef("paramedic", "u")]
    world.settle()
    assert world.unit("u").status == "available"


def test_what_is_handed_back_waits_again_at_its_old_age_and_priority(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "old", 2)
    world.settle()
    accept(world, "u")
    world.settle()
    world.now += 60
    raise_emergency(world, "new", 2)
    world.settle()
    on_duty(world, "v")
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    world.bus.reverse()  # the crew lost is heard of before the unit that came
    while world.bus:
        world.deliver(0)
    assert world.emergency("old").status == "raised"
    assert [e.emergency for e in world.events(DISPATCHER, CrewLost)] == ["old"]
    world.check_nothing_lost()
    cases = sorted(world.dispatcher.cases.values(), key=lambda case: case.rank)
    assert [case.card.emergency for case in cases] == ["old", "new"]
    assert only_task(world, "v").emergency == "old"


def test_who_handed_it_back_is_not_asked_first(world: World) -> None:
    asked_among(world, near=1, far=9)
    accept(world, "near")
    world.settle()
    task = only_task(world, "near").id
    world.ask(unit_ref("near"), HandBackTask(task=task, reason="b"), crew("near"))
    world.settle()
    assert offers(world)[-1] == ("e", "far")


def test_staff_take_a_unit_off_and_another_is_found(world: World) -> None:
    asked_among(world, near=1, far=9)
    task = accept(world, "near")
    world.settle()
    world.ask(unit_ref("near"), WithdrawTask(task=task, reason="needed"), OPS)
    world.settle()
    accept(world, "far")
    world.settle()
    assert world.emergency("e").unit == "far"
    world.check_nothing_lost()


def test_an_override_reaches_the_crew_that_was_asked(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e", 3)
    world.settle()
    world.ask(emergency_ref("e"), OverridePriority(priority=1, reason="gasping"), OPS)
    world.settle()
    assert only_task(world, "u").priority == 1
    assert world.dispatcher.cases["e"].card.priority == 1


def test_what_is_over_does_not_pile_up(world: World) -> None:
    on_duty(world, "u", skills=("als",))
    for n in range(TOMBSTONES + 50):
        raise_emergency(world, f"e{n}")
        world.ask(emergency_ref(f"e{n}"), CancelEmergency(reason="test"), patient())
    world.settle()
    state = world.dispatcher
    assert not state.cases and not state.reserved
    assert len(state.ended) == TOMBSTONES
