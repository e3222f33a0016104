"""The arrival estimates of a replay, held against when the units came."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.console import Console

from actors.domain.travel import GreatCircle
from actors.domain.values import Location
from tests.unit.web.replay.test_report import WHOLE
from web.replay.eta import Estimates
from web.replay.motion import Traffic, drive
from web.replay.report import arrivals_table

TRAVEL = GreatCircle()
BASE, SCENE = Location(37.75, -122.45), Location(37.78, -122.41)


def drives(count: int, traffic: Traffic, every_s: float = 5.0) -> Estimates:
    """So many drives from the base to the scene, each told as a device tells it."""
    estimates = Estimates(TRAVEL)
    for n in range(count):
        leg = drive(BASE, SCENE, n * 1e5, TRAVEL, traffic.paces(f"d{n}"))
        estimates.assigned(f"t{n}", TRAVEL.seconds(BASE, SCENE), leg.departs_at)
        at = leg.departs_at
        while at < leg.arrives_at:
            estimates.reported(f"t{n}", leg.at(at), SCENE, at)
            at += every_s
        estimates.arrived(f"t{n}", leg.arrives_at)
    return estimates


def test_where_drives_are_as_recorded_the_live_estimate_is_the_better_one() -> None:
    errors = drives(40, Traffic(seed=1)).errors()
    assert [one.minutes for one in errors][:3] == [(0, 1), (1, 2), (2, 5)]
    for one in errors[1:]:
        assert one.live.mean_absolute < one.travel.mean_absolute < one.assigned.mean_absolute
        assert one.live.p90_absolute >= one.live.mean_absolute >= abs(one.live.bias)


def test_where_drives_are_as_estimated_all_are_right() -> None:
    errors = drives(3, Traffic(seed=1, median=1.0, spread=0.0, within=0.0)).errors()
    for one in errors:
        for said in (one.assigned, one.travel, one.live):
            assert said.p90_absolute == pytest.approx(0.0, abs=1.0)


def test_a_drive_that_never_arrives_is_no_error() -> None:
    estimates = Estimates(TRAVEL)
    estimates.assigned("t", 60.0, 0.0)
    estimates.reported("t", BASE, SCENE, 10.0)
    estimates.reported("other", BASE, SCENE, 10.0)
    estimates.arrived("other", 20.0)
    assert estimates.errors() == ()


def test_the_table_has_a_line_for_each_estimate() -> None:
    result = replace(WHOLE, arrivals=drives(5, Traffic(seed=1)).errors())
    console = Console(width=100, record=True)
    with console.capture() as shown:
        console.print(arrivals_table(result))
    text = shown.get()
    assert text.count("live") == len(result.arrivals) == text.count("at assignment")


def test_parts_of_a_way_are_driven_at_their_own_pace() -> None:
    leg = drive(BASE, SCENE, 0.0, TRAVEL, (1.0, 3.0))
    assert leg.arrives_at == pytest.approx(2 * TRAVEL.seconds(BASE, SCENE))
    quarter = leg.at(leg.arrives_at / 4)
    assert quarter.lat == pytest.approx((BASE.lat + SCENE.lat) / 2)
    assert leg.at(leg.arrives_at) == SCENE and leg.at(-5.0) == BASE
