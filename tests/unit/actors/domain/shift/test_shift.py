"""Shifts: announced in time, and told to ops when their crew is not where the plan has it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.dispatcher.events import ShiftReported
from actors.domain.kernel import EntityRef, Publication
from actors.domain.messages.to_paramedic import AnnounceShift
from actors.domain.paramedic.commands import GoOffDuty, GoOnDuty, ProgressTask, RetireParamedic
from actors.domain.paramedic.events import HandoverReceived, ShiftAnnounced, ShiftFaulted
from actors.domain.paramedic.shift import ABSENT_AFTER_S, HANDOVER_S
from actors.domain.shift.state import ANNOUNCE_S, Plan, PlanShift
from actors.domain.values import Position
from actors.domain.views.paramedic import DeviceUpdate
from tests.unit.actors.domain.cast import (
    CENTRE,
    SYSTEM,
    accept,
    crew,
    raise_emergency,
    register,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, START, World

U = unit_ref("u")
ME = crew("u")
HOUR_S = 3600.0
BEGIN, END = START + 2 * HOUR_S, START + 10 * HOUR_S


def shift(id_: str = "s") -> EntityRef:
    return EntityRef("shift", id_)


def plan(world: World, id_: str = "s", revision: int = 1, **changes: Any) -> None:
    cancelled = changes.pop("cancelled", False)
    times = {"starts_at": BEGIN, "ends_at": END, **changes}
    whole = Plan(unit="u", station="st", **times)
    world.ask(shift(id_), PlanShift(plan=whole, revision=revision, cancelled=cancelled))
    world.settle()


def planned() -> World:
    world = World()
    register(world, "u")
    plan(world)
    return world


def go_to(world: World, at: float) -> None:
    """With what is due on the way, and its messages, delivered at once."""
    while (due := world.next_wake()) is not None and due[0] <= at:
        world.advance(max(0.0, due[0] - world.now))
        world.settle()
    world.advance(at - world.now)


def on(world: World, **more: Any) -> None:
    here = Position(CENTRE.lat, CENTRE.lon, world.now)
    world.ask(U, GoOnDuty(position=here, **more), ME)
    world.settle()


def off(world: World, **more: Any) -> None:
    world.ask(U, GoOffDuty(**more), ME)
    world.settle()


def faults(world: World) -> list[tuple[str, float]]:
    return [(event.fault, event.at) for event in world.events(U, ShiftFaulted)]


def reports(world: World) -> list[str]:
    """What ops is shown."""
    return [event.fault for event in world.events(DISPATCHER, ShiftReported)]


def test_a_crew_is_reminded_shortly_before_and_signs_in_at_the_planned_station() -> None:
    world = planned()
    go_to(world, BEGIN - ANNOUNCE_S - 1)
    assert not world.unit("u").shifts
    go_to(world, BEGIN - ANNOUNCE_S)
    (update,) = [
        published.data
        for published in world.publications
        if isinstance(published, Publication)
        and isinstance(published.data, DeviceUpdate)
        and published.data.event == ShiftAnnounced.__name__
    ]
    assert update.shift is not None and update.shift.station == "st"
    on(world)
    assert world.unit("u").station == world.dispatcher.units["u"].station == "st"
    go_to(world, END)
    off(world)
    go_to(world, END + 24 * HOUR_S)
    assert faults(world) == [] and world.unit("u").shifts == ()
    world.check_replay()


def test_ops_hears_once_of_a_shift_that_begins_without_its_unit() -> None:
    world = planned()
    go_to(world, END + HOUR_S)
    assert faults(world) == [("absent", BEGIN + ABSENT_AFTER_S)]
    assert reports(world) == ["absent"]


def test_ops_hears_once_of_a_unit_that_idles_on_duty_after_the_end() -> None:
    world = planned()
    go_to(world, BEGIN)
    on(world)
    go_to(world, END + HOUR_S)
    assert faults(world) == [("overrun", END + HANDOVER_S)]
    assert reports(world) == ["overrun"]
    off(world)
    on(world)  # of its own accord, later
    go_to(world, END + 9 * HOUR_S)
    assert reports(world) == ["overrun"]


def test_a_task_that_outlasts_the_shift_is_no_fault_until_it_is_done() -> None:
    world = planned()
    go_to(world, BEGIN)
    on(world)
    go_to(world, END - 60)
    raise_emergency(world, "e")
    world.settle()
    task = accept(world, "u")
    go_to(world, END + HOUR_S)
    assert faults(world) == []
    for step in ("en_route", "on_scene", "completed"):
        world.ask(U, ProgressTask(task=task, step=step), ME)
    world.settle()
    go_to(world, END + 3 * HOUR_S)
    assert faults(world) == [("overrun", END + HOUR_S + HANDOVER_S)]


def test_who_leaves_early_is_missed_and_who_is_relieved_is_not() -> None:
    for relief, missed in ((None, ["absent"]), ("v", [])):
        world = planned()
        register(world, "v")
        go_to(world, BEGIN)
        on(world)
        go_to(world, BEGIN + HOUR_S)
        off(world, relief=relief, note="oxygen low")
        go_to(world, END)
        assert [fault for fault, _ in faults(world)] == missed
        told = world.events(unit_ref("v"), HandoverReceived)
        assert [(one.unit, one.note) for one in told] == ([] if missed else [("u", "oxygen low")])


def test_back_to_back_shifts_are_one_stay() -> None:
    world = planned()
    plan(world, "next", starts_at=END, ends_at=END + 4 * HOUR_S)
    go_to(world, BEGIN)
    on(world)
    go_to(world, END + 2 * HOUR_S)
    assert faults(world) == []
    go_to(world, END + 6 * HOUR_S)
    assert [event.shift for event in world.events(U, ShiftFaulted)] == ["next"]


@pytest.mark.parametrize("when", [START, BEGIN - 60], ids=["before", "after it was announced"])
def test_a_change_of_plan_and_its_end_reach_the_unit_whatever_comes_first(when: float) -> None:
    world = planned()
    go_to(world, when)
    plan(world, revision=3, cancelled=True)
    plan(world, revision=2, starts_at=BEGIN + HOUR_S)  # overtaken by its end
    go_to(world, END + HOUR_S)
    assert faults(world) == []
    world.check_replay()


def test_a_later_beginning_counts_and_a_stale_announcement_does_not() -> None:
    world = planned()
    go_to(world, BEGIN - 60)
    plan(world, revision=2, starts_at=BEGIN + HOUR_S)
    stale = AnnounceShift(shift="s", revision=1, station="st", starts_at=BEGIN, ends_at=END)
    world.ask(U, stale, SYSTEM)
    go_to(world, END)
    assert faults(world) == [("absent", BEGIN + HOUR_S + ABSENT_AFTER_S)]


def test_a_unit_that_is_retired_is_missed_by_nobody() -> None:
    world = planned()
    go_to(world, BEGIN - ANNOUNCE_S)
    world.ask(U, RetireParamedic())
    world.settle()
    plan(world, "s2", starts_at=BEGIN + HOUR_S)
    go_to(world, END)
    assert world.unit("u").shifts == () and faults(world) == [] and reports(world) == []
