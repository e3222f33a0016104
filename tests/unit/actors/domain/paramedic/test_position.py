"""Positions: the newest wins, the dispatcher gets them thinned out, nobody off duty is tracked."""

from __future__ import annotations

import pytest

from actors.domain.kernel import Absorbed, Publication
from actors.domain.messages.telemetry import ReportPosition, UnitPosition
from actors.domain.paramedic.commands import GoOffDuty, ProgressTask, TakeBreak
from actors.domain.registry import KINDS
from actors.domain.views.paramedic import FleetRow, Track
from tests.unit.actors.domain.cast import (
    CENTRE,
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

U = unit_ref("u")


@pytest.fixture
def world() -> World:
    """With one unit available, 5 km north, five seconds ago."""
    world = World()
    on_duty(world, "u", km=5)
    world.settle()
    world.now += 5
    return world


def report(world: World, km: float, at: float | None = None) -> Absorbed:
    here = north_of_centre(km)
    signal = ReportPosition(lat=here.lat, lon=here.lon, at=world.now if at is None else at)
    behaviour = KINDS["paramedic"]
    return behaviour.absorb(world.state(U), world.telemetry[U], signal, world.now)


def row_of(absorbed: Absorbed) -> tuple[Publication, FleetRow]:
    """The fleet's row, which comes first."""
    publication = absorbed.publications[0]
    assert isinstance(publication.data, FleetRow)
    return publication, publication.data


def track_of(absorbed: Absorbed) -> tuple[Publication, Track]:
    """What those who wait for the unit see, which comes second."""
    publication = absorbed.publications[1]
    assert isinstance(publication.data, Track)
    return publication, publication.data


def lat(row: FleetRow) -> float:
    assert row.position is not None
    return row.position.lat


def test_the_fleet_sees_the_newest_position(world: World) -> None:
    publication, row = row_of(report(world, 4))
    shown = (publication.channel, publication.delivery, publication.key)
    assert shown == ("fleet:north", "latest", "u")
    assert lat(row) == north_of_centre(4).lat


def test_a_position_older_than_the_last_known_is_ignored(world: World) -> None:
    report(world, 4)
    assert report(world, 9, at=world.now - 1) == Absorbed()
    assert report(world, 9) == Absorbed(), "nor one of the same moment"


def test_a_position_older_than_the_durable_one_is_ignored(world: World) -> None:
    assert report(world, 9, at=world.now - 60) == Absorbed()


def test_a_device_whose_clock_is_ahead_does_not_outshine_its_later_fixes(world: World) -> None:
    report(world, 4, at=world.now + 3600)
    world.now += 1
    _, row = row_of(report(world, 3))
    assert lat(row) == north_of_centre(3).lat


def test_off_duty_nobody_is_tracked_and_on_a_break_they_are(world: World) -> None:
    world.ask(U, TakeBreak(), crew("u"))
    assert report(world, 4).publications
    world.ask(U, GoOffDuty(), crew("u"))
    world.now += 1
    assert report(world, 4) == Absorbed()


def test_the_dispatcher_gets_one_each_two_seconds_or_fifty_metres(world: World) -> None:
    assert report(world, 5).forwards
    world.now += 1
    assert not report(world, 5.01).forwards, "ten metres, one second"
    world.now += 0.5
    (forward,) = report(world, 5.1).forwards
    assert forward[0] == DISPATCHER
    assert isinstance(forward[1], UnitPosition)
    world.now += 2
    assert report(world, 5.1).forwards, "two seconds"


def test_those_who_wait_see_the_unit_come_and_how_long_it_takes(world: World) -> None:
    raise_emergency(world, "e", at=CENTRE)
    world.settle()
    accept(world, "u")
    world.settle()
    world.now += 1
    publication, near = track_of(report(world, 4))
    world.now += 1
    _, nearer = track_of(report(world, 2))
    assert (publication.channel, publication.delivery) == ("track:e", "latest")
    assert near.eta_s is not None and nearer.eta_s is not None
    assert near.eta_s > nearer.eta_s > 0
    progress(world, "u", "en_route", "on_scene")
    world.now += 1
    assert track_of(report(world, 0))[1].eta_s is None


def test_an_event_makes_the_newest_position_durable(world: World) -> None:
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.now += 1
    report(world, 3)
    task = only_task(world, "u").id
    world.ask(U, ProgressTask(task=task, step="en_route"), crew("u"))
    position = world.unit("u").position
    assert position is not None and position.lat == north_of_centre(3).lat


def test_a_dispatcher_prefers_where_a_unit_was_seen_to_where_it_said_it_was(world: World) -> None:
    on_duty(world, "v", km=3)
    world.settle()
    here = north_of_centre(1)
    signal = ReportPosition(lat=here.lat, lon=here.lon, at=world.now)
    world.signal(U, signal)
    raise_emergency(world, "e")
    world.settle()
    assert world.unit("u").tasks and not world.unit("v").tasks


def test_a_dispatcher_ignores_positions_of_strangers_and_old_ones(world: World) -> None:
    absorb = KINDS["dispatcher"].absorb
    telemetry: dict[str, object] = {}
    for unit, at in (("stranger", 5.0), ("u", 9.0), ("u", 8.0)):
        absorb(world.dispatcher, telemetry, UnitPosition(unit=unit, lat=at, lon=0, at=at), 10.0)
    positions = telemetry["positions"]
    assert isinstance(positions, dict)
    assert {unit: position.at for unit, position in positions.items()} == {"u": 9.0}
