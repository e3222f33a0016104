"""Where calls are expected, from where they came."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.dispatch.demand import Demand, Expected
from actors.domain.values import Location

NORTH, SOUTH = Location(19.0, 72.8), Location(18.9, 72.8)
DAY = 86_400.0
HOUR = 3_600.0


def after(*calls: tuple[Location, float]) -> Demand:
    demand = Demand()
    for location, at in calls:
        demand = demand.with_call(location, at)
    return demand.settled()


def test_nothing_is_expected_anywhere_before_the_first_call() -> None:
    assert Demand().hotspots(0.0) == ()


def test_more_calls_weigh_more_and_stand_first() -> None:
    first, second = after((NORTH, 0.0), (SOUTH, 1.0), (SOUTH, 2.0)).hotspots(2.0)
    assert (first.location, second.location) == (SOUTH, NORTH)
    assert abs(first.weight - 2 / 3) < 1e-5 and abs(first.weight + second.weight - 1.0) < 1e-9


def test_a_call_counts_half_after_a_week() -> None:
    old, new = after((NORTH, 0.0), (SOUTH, 7 * DAY)).hotspots(7 * DAY)[::-1]
    assert old.location == NORTH
    assert abs(old.weight * 2 - new.weight) < 1e-9


def test_the_same_time_of_day_counts_four_times_another() -> None:
    demand = after((NORTH, 2 * HOUR), (SOUTH, 14 * HOUR))
    assert [spot.location for spot in demand.hotspots(DAY + 3 * HOUR)] == [NORTH, SOUTH]
    assert [spot.location for spot in demand.hotspots(DAY + 15 * HOUR)] == [SOUTH, NORTH]


def test_calls_of_the_same_minutes_are_counted_together_once_others_come() -> None:
    first = Demand().with_call(NORTH, 0.0)
    busy = first.with_call(SOUTH, 10.0).with_call(SOUTH, 20.0)
    assert busy.cells is first.cells and len(first.hotspots(20.0)) == 1
    later = busy.with_call(NORTH, HOUR)
    assert [spot.location for spot in later.hotspots(HOUR)] == [SOUTH, NORTH]
    flood = later
    for _ in range(500):
        flood = flood.with_call(NORTH, HOUR)
    assert len(flood.recent) <= 128
    total = sum(cell.weight for cell in flood.settled().cells.values())
    assert abs(total - 504.0) < 0.01


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_it_stays_small_and_no_call_is_lost(seed: int) -> None:
    rng = Random(seed)
    spread = rng.choice([0.01, 0.5, 40.0])
    calls = [Location(rng.uniform(-spread, spread), rng.uniform(0, spread)) for _ in range(700)]
    demand = after(*((location, 10.0) for location in calls))
    assert len(demand.cells) <= 512
    assert abs(sum(cell.weight for cell in demand.cells.values()) - len(calls)) < 1e-6


def test_what_is_expected_is_found_when_somebody_looks() -> None:
    demand = after((NORTH, 0.0), (SOUTH, 1.0), (SOUTH, 2.0))
    expected, hotspots = Expected(demand, 2.0), demand.hotspots(2.0)
    assert expected[0] == hotspots[0] and expected[:1] == hotspots[:1]
    assert len(expected) == 2 and tuple(expected) == hotspots
    assert not Expected(Demand(), 2.0)


def test_it_can_be_part_of_a_state() -> None:
    demand = after((NORTH, 0.0), (SOUTH, 1.0))
    assert msgspec.json.decode(msgspec.json.encode(demand), type=Demand) == demand
