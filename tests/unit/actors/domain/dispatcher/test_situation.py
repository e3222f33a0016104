"""What a policy is shown: who is busy until when, and nothing made twice that did not change."""

from __future__ import annotations

import pytest

from actors.domain.dispatch import BusyUnit, Situation
from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.situation import Showing
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.paramedic.commands import ProgressTask
from actors.domain.values import Destination
from tests.unit.actors.domain.cast import (
    accept,
    crew,
    north_of_centre,
    on_duty,
    only_task,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, World

RULES = DispatchRules(on_scene_s=100.0, transport_s=200.0, handover_s=400.0)
HOSPITAL = Destination("h", "General", north_of_centre(7))


@pytest.fixture
def world() -> World:
    """A unit, `u`, that has accepted `e`; another, `v`, is free."""
    world = World()
    on_duty(world, "u")
    on_duty(world, "v", 5)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.settle()
    return world


def situation(world: World, showing: Showing) -> Situation:
    telemetry = world.telemetry[DISPATCHER]
    return showing.situation(world.dispatcher, (), Preemptive(), world.now, telemetry)


def busy(world: World) -> BusyUnit:
    (shown,) = situation(world, Showing(RULES)).busy
    return shown


def test_a_unit_is_expected_free_after_all_that_lies_before_it(world: World) -> None:
    eta_s = only_task(world, "u").eta_s
    shown = busy(world)
    assert (shown.unit, shown.emergency, shown.step) == ("u", "e", "accepted")
    assert shown.free_at == pytest.approx(world.now + eta_s + 700)
    world.advance(10)
    progress(world, "u", "en_route")
    assert busy(world).free_at == pytest.approx(world.now - 10 + eta_s + 700)
    progress(world, "u", "on_scene")
    assert busy(world).free_at == pytest.approx(world.now + 700)
    world.advance(50)
    assert busy(world).free_at == pytest.approx(world.now + 650)
    task = only_task(world, "u").id
    to = ProgressTask(task=task, step="transporting", destination=HOSPITAL)
    world.ask(unit_ref("u"), to, crew("u"))
    world.settle()
    assert busy(world).free_at == pytest.approx(world.now + 600)
    assert busy(world).free_where == HOSPITAL.location
    progress(world, "u", "at_hospital")
    assert busy(world).free_at == pytest.approx(world.now + 400)


def test_who_is_overdue_is_shown_with_the_time_that_has_passed(world: World) -> None:
    progress(world, "u", "en_route", "on_scene")
    showing = Showing(RULES)
    (before,) = situation(world, showing).busy
    world.advance(5000)
    (shown,) = situation(world, showing).busy
    assert shown is before and shown.free_at < world.now


def test_a_crew_that_is_late_is_expected_within_the_minute(world: World) -> None:
    progress(world, "u", "en_route")
    showing = Showing(RULES)
    late_from = situation(world, showing).busy[0].free_at - 700
    for late_s, expected_s in ((-1.0, 0.0), (1.0, 60.0), (59.0, 60.0), (61.0, 120.0)):
        world.advance(late_from + late_s - world.now)
        (shown,) = situation(world, showing).busy
        assert shown.free_at == pytest.approx(late_from + expected_s + 700)
        assert shown == busy(world), "whatever is remembered"


def test_who_is_asked_is_busy_with_it(world: World) -> None:
    raise_emergency(world, "f", 3)
    world.settle()
    shown = {b.unit: b for b in situation(world, Showing(RULES)).busy}
    assert (shown["v"].emergency, shown["v"].step) == ("f", "pending")
    assert not situation(world, Showing(RULES)).free


def test_what_did_not_change_is_the_same_object_again(world: World) -> None:
    showing = Showing(RULES)
    first = situation(world, showing)
    world.advance(1)
    again = situation(world, showing)
    assert again.free is first.free
    assert again.busy[0] is first.busy[0]
    report = ReportPosition(lat=28.7, lon=77.2, at=world.now)
    world.signal(unit_ref("v"), report)
    moved = situation(world, showing)
    assert moved.free is not first.free
    assert (moved.free[0].location.lat, moved.busy[0]) == (28.7, first.busy[0])
    world.signal(unit_ref("u"), ReportPosition(lat=28.8, lon=77.2, at=world.now))
    assert situation(world, showing).busy[0].location.lat == 28.8


def test_two_dispatchers_do_not_see_each_others_units(world: World) -> None:
    showing = Showing(RULES)
    other = World()
    on_duty(other, "w")
    other.settle()
    assert [u.unit for u in situation(world, showing).free] == ["v"]
    assert [u.unit for u in situation(other, showing).free] == ["w"]
    assert [u.unit for u in situation(world, showing).free] == ["v"]
    assert situation(other, showing).busy == ()


def test_a_policy_is_shown_what_it_wants_and_no_more(world: World) -> None:
    shown = Showing(RULES).situation(world.dispatcher, (), ByPriority(), world.now, {})
    assert shown.busy == () and shown.stations == () and shown.demand == ()
    everything = Showing(RULES).situation(
        world.dispatcher, (), ByPriority(), world.now, {}, everything=True
    )
    assert everything.busy and everything.demand
    # Where somebody was is not kept to the metre.
    assert all(spot.location == north_of_centre(0) for spot in everything.demand)
