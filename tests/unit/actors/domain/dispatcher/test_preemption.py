"""A unit on its way is taken for a more urgent emergency: one change for everybody."""

from __future__ import annotations

import pytest

from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatcher.events import CrewLost, OfferClosed, OfferMade, UnitTakenOver
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import CancelEmergency
from actors.domain.emergency.events import UnitAssigned, UnitReleased
from actors.domain.messages.to_dispatcher import UnitDiverted
from actors.domain.messages.to_paramedic import DivertUnit, OfferTask
from actors.domain.paramedic.commands import DeclineTask, HandBackTask, ProgressTask
from actors.domain.paramedic.events import OfferVoided, TaskDiverted, TaskOffered
from actors.domain.registry import kinds
from actors.domain.views.dispatcher import OpsUpdate
from tests.unit.actors.domain.cast import (
    accept,
    crew,
    emergency_ref,
    north_of_centre,
    of_kind,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, World

KINDS = kinds(DispatchRules(), Preemptive())


@pytest.fixture
def world() -> World:
    return World(KINDS)


def on_its_way(world: World, *steps: str) -> str:
    """A unit with a priority 4 emergency, `minor`; its task."""
    on_duty(world, "u", km=1)
    raise_emergency(world, "minor", 4, north_of_centre(20))
    world.settle()
    task = accept(world, "u")
    world.settle()
    progress(world, "u", *steps)
    return task


def test_a_unit_on_its_way_goes_to_the_more_urgent_one_in_one_step(world: World) -> None:
    on_its_way(world, "en_route")
    published = len(world.publications)
    raise_emergency(world, "urgent", 1)
    world.settle()
    task = only_task(world, "u")
    assert (task.emergency, task.step) == ("urgent", "accepted")
    assert world.emergency("urgent").unit == "u"
    minor = world.emergency("minor")
    assert (minor.status, minor.unit) == ("raised", None)
    assert world.dispatcher.cases["minor"].preempted == 1
    # One fact each: the device, the ops desk, and each of the two patients.
    facts = [p for p in world.publications[published:] if p.delivery == "fact"]
    device = [p.data for p in facts if p.channel == "device:u"]
    assert [d.event for d in device] == ["TaskDiverted"]
    assert device[0].task.emergency == "urgent" and device[0].tasks == (task.id,)
    assert device[0].given_up is not None
    taken = [p.data for p in facts if p.channel == "ops:north" and p.data.event == "UnitTakenOver"]
    assert len(taken) == 1
    assert isinstance(taken[0], OpsUpdate) and taken[0].left is not None
    assert taken[0].case is not None
    assert (taken[0].case.emergency, taken[0].case.phase) == ("urgent", "engaged")
    assert (taken[0].left.emergency, taken[0].left.phase) == ("minor", "waiting")
    assert len(world.events(emergency_ref("minor"), UnitReleased)) == 1
    assert len(world.events(emergency_ref("urgent"), UnitAssigned)) == 1
    world.check_nothing_lost()
    world.check_replay()


def test_who_was_taken_from_waits_at_the_head_of_its_class(world: World) -> None:
    on_its_way(world)
    raise_emergency(world, "younger", 4)
    raise_emergency(world, "urgent", 1)
    world.settle()
    order = sorted(world.dispatcher.cases.values(), key=lambda case: case.rank)
    assert [case.key for case in order] == ["urgent", "minor", "younger"]
    progress(world, "u", "en_route", "on_scene", "completed")
    assert only_task(world, "u").emergency == "minor"


def test_a_crew_that_is_on_scene_stays_and_is_not_asked_again(world: World) -> None:
    task = on_its_way(world, "en_route")
    raise_emergency(world, "urgent", 1)
    world.deliver(0)  # to the dispatcher, which still thinks that the unit is on its way
    world.ask(unit_ref("u"), ProgressTask(task=task, step="on_scene"), crew("u"))
    world.deliver(of_kind(world, DivertUnit))
    assert [e.outcome for e in world.events(unit_ref("u"), OfferVoided)] == ["unavailable"]
    world.settle()
    assert world.unit("u").live_task is not None
    assert only_task(world, "u").emergency == "minor"
    assert world.dispatcher.cases["urgent"].phase == "waiting"
    offers = [e.emergency for e in world.events(DISPATCHER, OfferMade)]
    assert offers.count("urgent") == 1
    world.check_nothing_lost()


def test_a_refused_diversion_is_not_repeated_before_the_word_of_the_crew_is_here(
    world: World,
) -> None:
    task = on_its_way(world, "en_route")
    raise_emergency(world, "urgent", 1)
    world.deliver(0)
    world.ask(unit_ref("u"), ProgressTask(task=task, step="on_scene"), crew("u"))
    late = world.bus.pop(of_kind_of(world, "RecordProgress"))
    world.settle()
    assert world.dispatcher.cases["minor"].firm
    assert len([e for e in world.events(DISPATCHER, OfferMade) if e.emergency == "urgent"]) == 1
    world.bus.append(late)
    world.settle()
    world.check_nothing_lost()


def of_kind_of(world: World, name: str) -> int:
    (index,) = [n for n, m in enumerate(world.bus) if type(m.command).__name__ == name]
    return index


def test_who_is_only_asked_is_asked_for_the_other(world: World) -> None:
    on_duty(world, "u", km=1)
    raise_emergency(world, "minor", 4, north_of_centre(20))
    world.settle()
    raise_emergency(world, "urgent", 1)
    world.settle()
    task = only_task(world, "u")
    assert (task.emergency, task.step) == ("urgent", "pending")
    assert world.dispatcher.reserved == {"u": task.id}
    assert not world.events(emergency_ref("minor"), UnitReleased)
    world.check_nothing_lost()
    accept(world, "u")
    world.settle()
    world.check_nothing_lost()
    assert world.emergency("urgent").unit == "u"


def test_an_offer_that_its_diversion_overtook_is_void_when_it_comes(world: World) -> None:
    on_duty(world, "u", km=1)
    raise_emergency(world, "minor", 4, north_of_centre(20))
    while not any(isinstance(m.command, OfferTask) for m in world.bus):
        world.deliver(0)
    offer = world.bus.pop(of_kind(world, OfferTask))
    raise_emergency(world, "urgent", 1)
    world.settle()
    world.bus.append(offer)
    world.settle()
    assert only_task(world, "u").emergency == "urgent"
    assert world.dispatcher.cases["minor"].refused_by == (), "nobody was asked"
    world.check_nothing_lost()


def test_who_is_just_being_diverted_is_not_diverted_again(world: World) -> None:
    on_duty(world, "u", km=1)
    raise_emergency(world, "minor", 4, north_of_centre(20))
    world.settle()
    raise_emergency(world, "middle", 3)
    world.deliver(0)
    raise_emergency(world, "urgent", 1)
    world.deliver(len(world.bus) - 1)
    assert world.dispatcher.cases["urgent"].phase == "waiting"
    world.settle()
    assert only_task(world, "u").emergency == "urgent", "but once it has answered"
    world.check_nothing_lost()


def test_an_expired_diversion_comes_back_like_any_offer(world: World) -> None:
    on_duty(world, "u", km=1)
    raise_emergency(world, "minor", 4, north_of_centre(20))
    world.settle()
    raise_emergency(world, "urgent", 1)
    world.settle()
    world.advance(31)
    world.settle()
    assert world.dispatcher.cases["urgent"].refused_by == ("u",)
    world.check_nothing_lost()


@pytest.mark.parametrize("gone", ["handed back", "declined", "cancelled"])
def test_where_the_old_task_is_gone_the_new_one_is_an_offer(world: World, gone: str) -> None:
    if gone == "declined":
        on_duty(world, "u", km=1)
        raise_emergency(world, "minor", 4, north_of_centre(20))
        world.settle()
    else:
        on_its_way(world)
    raise_emergency(world, "urgent", 1)
    world.deliver(0)
    task = only_task(world, "u").id
    if gone == "handed back":
        world.ask(unit_ref("u"), HandBackTask(task=task, reason="flat tyre"), crew("u"))
    elif gone == "declined":
        world.ask(unit_ref("u"), DeclineTask(task=task, reason="no fuel"), crew("u"))
    else:
        world.ask(emergency_ref("minor"), CancelEmergency(reason="better"), patient())
        world.deliver(of_kind_of(world, "RemoveEmergency"))
        for _ in range(2):  # the emergency and the dispatcher both call it back
            world.deliver(
                next(
                    n
                    for n, m in enumerate(world.bus)
                    if m.to == unit_ref("u") and not isinstance(m.command, DivertUnit)
                )
            )
    world.deliver(of_kind(world, DivertUnit))
    assert not world.events(unit_ref("u"), TaskDiverted)
    assert only_task(world, "u").emergency == "urgent"
    assert only_task(world, "u").step == "pending"
    world.settle()
    world.check_nothing_lost()
    world.check_replay()


def test_a_diversion_that_its_withdrawal_overtook_leaves_the_crew_where_it_is(
    world: World,
) -> None:
    on_its_way(world, "en_route")
    raise_emergency(world, "urgent", 1)
    world.deliver(0)
    world.ask(emergency_ref("urgent"), CancelEmergency(reason="better"), patient())
    world.deliver(of_kind_of(world, "RemoveEmergency"))
    world.deliver(of_kind_of(world, "WithdrawTask"))
    world.deliver(of_kind(world, DivertUnit))
    assert only_task(world, "u").emergency == "minor"
    world.settle()
    assert not world.events(unit_ref("u"), TaskDiverted)
    assert not world.dispatcher.reserved
    world.check_nothing_lost()


def test_the_end_of_the_new_task_can_overtake_the_word_of_the_diversion(world: World) -> None:
    on_its_way(world)
    raise_emergency(world, "urgent", 1)
    world.deliver(0)
    world.deliver(of_kind(world, DivertUnit))
    task = only_task(world, "u").id
    world.ask(unit_ref("u"), HandBackTask(task=task, reason="flat tyre"), crew("u"))
    late = world.bus.pop(of_kind(world, UnitDiverted))
    world.settle()
    assert [e.emergency for e in world.events(DISPATCHER, CrewLost)] == ["urgent"]
    world.bus.append(late)
    world.settle()
    assert len(world.events(DISPATCHER, UnitTakenOver)) == 1
    world.check_nothing_lost()
    world.check_replay()


def test_a_repeated_word_of_a_diversion_changes_nothing(world: World) -> None:
    on_its_way(world)
    raise_emergency(world, "urgent", 1)
    world.settle()
    said = [n for n, m in enumerate(world.delivered) if isinstance(m.command, UnitDiverted)]
    ordered = [n for n, m in enumerate(world.delivered) if isinstance(m.command, DivertUnit)]
    for index in (*said, *ordered):
        world.repeat(index)
    world.settle()
    assert len(world.events(DISPATCHER, UnitTakenOver)) == 1
    assert len(world.events(unit_ref("u"), TaskDiverted)) == 1
    assert world.dispatcher.cases["minor"].preempted == 1
    world.check_nothing_lost()


def test_nobody_is_taken_from_the_same_emergency_for_ever(world: World) -> None:
    on_its_way(world)
    for n in range(4):
        raise_emergency(world, f"urgent{n}", 1)
        world.settle()
        if only_task(world, "u").emergency == f"urgent{n}":
            progress(world, "u", "en_route", "on_scene", "completed")
            accept(world, "u")
            world.settle()
    assert world.dispatcher.cases["minor"].preempted == 2
    assert world.emergency("minor").unit == "u"


def test_the_choice_says_whom_the_unit_left(world: World) -> None:
    on_its_way(world)
    raise_emergency(world, "urgent", 1)
    world.settle()
    choice = world.emergency("urgent").orders.choices[1]
    assert (choice.unit, choice.diverted_from, choice.policy) == ("u", "minor", "preemptive")


def test_no_offer_is_made_for_what_is_still_being_answered(world: World) -> None:
    on_its_way(world)
    raise_emergency(world, "urgent", 1)
    world.deliver(0)
    on_duty(world, "other", km=5)
    while any(not isinstance(m.command, DivertUnit) for m in world.bus):
        world.deliver(
            next(n for n, m in enumerate(world.bus) if not isinstance(m.command, DivertUnit))
        )
    # Neither of the two emergencies is offered to the other unit: one is asked for, one has a crew.
    assert not world.events(unit_ref("other"), TaskOffered)
    world.settle()
    assert [e.unit for e in world.events(DISPATCHER, OfferMade)][-1] == "other"
    assert only_task(world, "other").emergency == "minor"
    assert not world.events(DISPATCHER, OfferClosed)[1:]


def test_only_the_system_diverts(world: World) -> None:
    task = on_its_way(world)
    new = next(m for m in world.delivered if isinstance(m.command, OfferTask)).command.task
    with refused("forbidden"):
        world.ask(unit_ref("u"), DivertUnit(from_task=task, task=new, reason="x"))
