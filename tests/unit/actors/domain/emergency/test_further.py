"""Several units for one emergency: ordered, stood down, done."""

from __future__ import annotations

import pytest

from actors.domain.dispatcher.events import OverrideLapsed
from actors.domain.emergency.commands import CancelEmergency, OrderUnits, StandDownUnit
from actors.domain.emergency.events import EmergencyClosed, FurtherAssigned, PrimaryCompleted
from actors.domain.messages.to_emergency import RecordProgress
from actors.domain.paramedic.commands import HandBackTask, ProgressTask
from actors.domain.paramedic.events import TaskWithdrawn
from tests.unit.actors.domain.cast import (
    accept,
    crew,
    emergency_ref,
    engaged,
    late,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.emergency.desk import bus_crash, order
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, World


def test_further_units_are_offered_like_the_first_and_each_is_claimed(world: World) -> None:
    for unit, km in (("b", 2), ("c", 3)):
        on_duty(world, unit, km)
    bus_crash(world, more=2)
    assert {only_task(world, unit).slot for unit in ("b", "c")} == {2, 3}
    for unit in ("b", "c"):
        accept(world, unit)
    world.settle()
    emergency = world.emergency("e")
    assert emergency.unit == "a" and set(emergency.crew) == {"a", "b", "c"}
    assert [f.status for f in emergency.orders.further] == ["assigned", "assigned"]
    world.check_nothing_lost()
    world.check_replay()


def test_it_is_closed_when_the_last_is_done(world: World) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    accept(world, "b")
    world.settle()
    progress(world, "a", "en_route", "on_scene", "completed")
    assert world.emergency("e").status == "on_scene"
    assert world.emergency("e").crew == ("b",)
    assert world.dispatcher.cases["e"].phase == "done"
    assert not world.unit("a").tasks, "nobody else is sent as the first unit"
    world.check_nothing_lost()
    progress(world, "b", "en_route", "on_scene", "completed")
    assert world.emergency("e").status == "closed"
    assert not world.dispatcher.cases
    kinds = [type(e) for e in world.journal[emergency_ref("e")]]
    assert kinds.index(PrimaryCompleted) < kinds.index(EmergencyClosed)
    world.check_nothing_lost()
    world.check_replay()


def test_one_that_is_ordered_while_the_last_word_is_on_its_way_still_comes(world: World) -> None:
    engaged(world, "a")
    progress(world, "a", "en_route", "on_scene")
    task = only_task(world, "a").id
    world.ask(unit_ref("a"), ProgressTask(task=task, step="completed"), crew("a"))
    word = late(world, RecordProgress)
    world.settle()  # the dispatcher knows that the crew is done, the emergency does not
    order(world, OrderUnits(count=1, reason="there is another one"))
    world.bus.append(word)
    world.settle()
    assert only_task(world, "a").slot == 2
    world.check_nothing_lost()


def test_who_is_stood_down_goes_and_is_not_sent_again(world: World) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    accept(world, "b")
    world.settle()
    order(world, StandDownUnit(slot=2, reason="one is enough"))
    assert not world.unit("b").tasks and world.unit("b").status == "available"
    assert [e.reason for e in world.events(unit_ref("b"), TaskWithdrawn)] == ["stood down"]
    assert world.emergency("e").crew == ("a",)
    world.check_nothing_lost()
    with refused("unknown_slot"):
        order(world, StandDownUnit(slot=2, reason="again"))
    order(world, OrderUnits(count=1, reason="after all"))
    assert only_task(world, "b").slot == 3, "a slot is never used twice"


def test_standing_down_the_last_closes_what_the_first_has_done(world: World) -> None:
    bus_crash(world)
    progress(world, "a", "en_route", "on_scene")
    task = only_task(world, "a").id
    world.ask(unit_ref("a"), ProgressTask(task=task, step="completed"), crew("a"))
    world.bus.pop()  # so that it is not asked for the second one at once
    order(world, StandDownUnit(slot=2, reason="one was enough"))
    assert world.emergency("e").status == "closed"


def test_who_has_a_patient_is_not_stood_down(world: World) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    accept(world, "b")
    world.settle()
    progress(world, "b", "en_route", "on_scene", "transporting")
    with refused("with_patient"):
        order(world, StandDownUnit(slot=2, reason="one is enough"))
    progress(world, "b", "at_hospital", "completed")
    world.check_nothing_lost()


@pytest.mark.parametrize("state", ["asked", "accepted", "on its way"])
def test_who_is_stood_down_as_the_last_is_called_back(world: World, state: str) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    if state != "asked":
        accept(world, "b")
    if state == "on its way":
        world.settle()
        progress(world, "b", "en_route")
    else:
        world.bus.clear() if state == "asked" else world.settle()
    progress(world, "a", "en_route", "on_scene", "completed")
    order(world, StandDownUnit(slot=2, reason="one was enough"))
    assert world.emergency("e").status == "closed"
    assert not world.unit("b").tasks and world.unit("b").status == "available"
    assert not world.dispatcher.cases and not world.dispatcher.reserved
    world.check_nothing_lost()
    world.check_replay()


def test_a_further_crew_that_hands_back_is_replaced(world: World) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    accept(world, "b")
    world.settle()
    on_duty(world, "c", 3)
    task = only_task(world, "b").id
    world.ask(unit_ref("b"), HandBackTask(task=task, reason="flat tyre"), crew("b"))
    world.settle()
    assert only_task(world, "c").slot == 2
    assert world.emergency("e").crew == ("a",)
    world.check_nothing_lost()


def test_a_named_unit_comes_if_it_is_free_and_else_the_policy_chooses(world: World) -> None:
    on_duty(world, "near", 2)
    on_duty(world, "named", 8)
    engaged(world, "a")
    order(world, OrderUnits(count=1, units=("named",), reason="the doctor's car"))
    assert only_task(world, "named").slot == 2 and not world.unit("near").tasks
    order(world, OrderUnits(count=1, units=("nobody",), reason="x"))
    assert [e.unit for e in world.events(DISPATCHER, OverrideLapsed)] == ["nobody"]
    assert only_task(world, "near").slot == 3


def test_a_cancellation_calls_all_of_them_back(world: World) -> None:
    on_duty(world, "b", 2)
    on_duty(world, "c", 3)
    bus_crash(world, more=2)
    accept(world, "b")
    world.settle()
    world.ask(emergency_ref("e"), CancelEmergency(reason="a drill"), patient())
    world.settle()
    assert not any(world.unit(unit).tasks for unit in "abc")
    assert not world.dispatcher.cases and not world.dispatcher.reserved
    world.check_nothing_lost()


def test_there_is_a_limit(world: World) -> None:
    raise_emergency(world, "e")
    with refused("unit_named_twice"):
        order(world, OrderUnits(count=1, units=("a", "a"), reason="x"))
    order(world, OrderUnits(count=15, reason="a train"))
    with refused("too_many_units"):
        order(world, OrderUnits(count=5, reason="a train"))


def test_a_late_word_of_a_further_crew_changes_nothing(world: World) -> None:
    on_duty(world, "b", 2)
    bus_crash(world)
    accept(world, "b")
    world.settle()
    progress(world, "b", "en_route", "on_scene")
    before = world.emergency("e")
    for index, message in enumerate(list(world.delivered)):
        if message.to == emergency_ref("e") and message.by.role == "system":
            world.repeat(index)
    assert world.emergency("e") == before
    assert len(world.events(emergency_ref("e"), FurtherAssigned)) == 1
    assert not world.bus
