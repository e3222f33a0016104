"""Virtual time and straight lines."""

from __future__ import annotations

import pytest

from actors.domain.travel import GreatCircle
from actors.domain.values import Location
from web.replay.clock import VirtualClock
from web.replay.motion import Leg, drive, nearest
from web.replay.radio import MOST_PER_S, interval_s

HERE, THERE = Location(37.75, -122.45), Location(37.77, -122.41)


def test_a_unit_is_on_the_line_in_proportion_to_time() -> None:
    leg = Leg(Location(10.0, 20.0), Location(11.0, 22.0), departs_at=100.0, arrives_at=200.0)
    assert leg.at(150.0) == Location(10.5, 21.0)
    assert leg.at(0.0) == leg.start
    assert leg.at(900.0) == leg.end


def test_a_drive_takes_as_long_as_the_dispatcher_estimates() -> None:
    leg = drive(HERE, THERE, 50.0, GreatCircle())
    assert leg.arrives_at - 50.0 == pytest.approx(GreatCircle().seconds(HERE, THERE))
    assert leg.at(50.0) == HERE


def test_a_drive_to_where_one_is_takes_no_time() -> None:
    leg = drive(HERE, HERE, 50.0, GreatCircle())
    assert (leg.arrives_at, leg.at(50.0)) == (50.0, HERE)


def test_the_nearest_is_found() -> None:
    assert nearest([HERE, THERE], Location(37.769, -122.411), GreatCircle()) == THERE


def test_virtual_time_runs_speed_times_as_fast() -> None:
    real = [10.0]
    clock = VirtualClock(5_000.0, 60.0, real=lambda: real[0], wall=lambda: real[0] + 1_000.0)
    assert clock.now() == 5_000.0
    real[0] = 12.0
    assert clock.now() == 5_120.0
    assert clock.at(1_012.0) == 5_120.0
    assert clock.until(5_180.0) == pytest.approx(1.0)
    assert clock.until(5_000.0) == 0.0
    clock.restart(0.0)
    assert clock.now() == 0.0


@pytest.mark.parametrize("speed", [1.0, 60.0, 600.0, 3600.0])
@pytest.mark.parametrize("moving", [0, 1, 69, 500])
def test_the_fleet_never_sends_more_positions_than_bounded(speed: float, moving: int) -> None:
    assert moving / interval_s(speed, moving) <= MOST_PER_S + 1e-9
    assert interval_s(speed, moving) >= 1.0 / speed


def test_at_the_speed_of_life_a_unit_reports_each_second() -> None:
    assert interval_s(1.0, 10) == 1.0
