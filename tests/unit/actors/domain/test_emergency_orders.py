"""Hold, stage, several units: what the desk orders for one emergency, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.dispatcher_events import OfferClosed, OfferMade, OverrideLapsed
from actors.domain.emergency import CancelEmergency, EmergencyClosed, EmergencyRaised
from actors.domain.emergency_orders import (
    HOLD_S,
    LONGEST_HOLD_S,
    FurtherAssigned,
    HoldEmergency,
    HoldEnded,
    MergeEmergency,
    OrderUnits,
    PrimaryCompleted,
    PrimaryFollowed,
    ReleaseEmergency,
    StageEmergency,
    StandDownUnit,
)
from actors.domain.messages import OfferTask, RecordProgress, StageTask
from actors.domain.paramedic import HandBackTask, ProgressTask
from actors.domain.paramedic_events import TaskStaged, TaskWithdrawn
from tests.unit.actors.domain.cast import (
    accept,
    crew,
    emergency_ref,
    north_of_centre,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, World

HOLD = HoldEmergency(reason="police first")
RELEASE = ReleaseEmergency(ends="hold", reason="go")
STAGE = StageEmergency(location=north_of_centre(2), reason="a knife")
GO_AHEAD = ReleaseEmergency(ends="staging", reason="police is there")


@pytest.fixture
def world() -> World:
    return World()


def order(world: World, command: Any, emergency: str = "e") -> None:
    world.ask(emergency_ref(emergency), command)
    world.settle()


def late(world: World, kind: type) -> Any:
    """The message of this kind is taken off the bus, to come later."""
    (index,) = [n for n, m in enumerate(world.bus) if isinstance(m.command, kind)]
    return world.bus.pop(index)


# --- hold


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
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
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
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    world.ask(emergency_ref("e"), HOLD)
    accept(world, "u")
    world.settle()
    assert world.emergency("e").unit == "u" and world.emergency("e").orders.held is None
    world.check_nothing_lost()


def test_nothing_is_held_that_has_a_crew_nor_released_that_is_not_held(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    with refused("not_held"):
        order(world, RELEASE)
    with refused("hold_over"):
        order(world, HoldEmergency(reason="x", until=world.now))
    accept(world, "u")
    world.settle()
    with refused("impossible_transition", "OrderUnits"):
        order(world, HOLD)


# --- stage


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
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.settle()
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
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.settle()
    world.ask(emergency_ref("e"), STAGE)
    task = only_task(world, "u").id
    for step in ("en_route", "on_scene"):
        command = ProgressTask(task=task, step=step)
        world.ask(unit_ref("u"), command, crew("u"))
    world.settle()
    assert not world.events(unit_ref("u"), TaskStaged)
    with refused("impossible_transition"):
        order(world, STAGE)


# --- several units


def bus_crash(world: World, more: int = 1) -> None:
    """An emergency with a primary unit, `a`, on its way, and further ones ordered."""
    on_duty(world, "a", 1)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "a")
    world.settle()
    order(world, OrderUnits(count=more, reason="a bus"))


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
    on_duty(world, "a", 1)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "a")
    world.settle()
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
    on_duty(world, "a", 1)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "a")
    world.settle()
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


def test_each_order_is_kept_with_who_gave_it_and_why(world: World) -> None:
    raise_emergency(world, "e")
    raise_emergency(world, "other")
    orders: tuple[Any, ...] = (
        HOLD,
        RELEASE,
        STAGE,
        GO_AHEAD,
        OrderUnits(count=1, reason="a bus"),
        StandDownUnit(slot=2, reason="one is enough"),
        MergeEmergency(into="other", reason="two callers"),
    )
    for command in orders:
        order(world, command)
    kept: list[Any] = [
        getattr(event, "held", None) or getattr(event, "staged", None) or event
        for event in world.journal[emergency_ref("e")]
        if not isinstance(event, EmergencyRaised | PrimaryFollowed)
    ]
    assert [(one.subject, one.reason) for one in kept] == [
        (OPS.subject, command.reason) for command in orders
    ]
