"""The index finds what a look at every unit finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.dispatch import FreeUnit, Situation, Waiting
from actors.domain.dispatch.nearest import LinearScan, VectorIndex, nearest
from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Location
from tests.unit.actors.domain.dispatch.situations import NOW, Winding, situations

anywhere = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))


@given(situation=situations(10, 14, 0), travel=st.sampled_from([GreatCircle(), Winding()]))
def test_emptied_one_by_one_both_give_the_same_units_in_the_same_order(
    situation: Situation, travel: TravelEstimate
) -> None:
    scan = LinearScan(situation.free, travel, NOW)
    index = VectorIndex(situation.free, travel, NOW)
    for case in situation.waiting:
        assert index.any_suits(case) == scan.any_suits(case)
        assert index.within(case, 300.0) == scan.within(case, 300.0)
        best = scan.soonest(case)
        assert index.soonest(case) == best
        if best is not None:
            scan.take(best[1])
            index.take(best[1])
        assert len(index) == len(scan)


@given(st.lists(anywhere, min_size=1, max_size=12), anywhere)
def test_also_at_the_poles_and_on_both_sides_of_the_date_line(
    units: list[Location], place: Location
) -> None:
    free = [FreeUnit(f"u{index}", location, ()) for index, location in enumerate(units)]
    case = Waiting("e", 1, 0.0, place, ())
    travel = GreatCircle()
    assert VectorIndex(free, travel, NOW).soonest(case) == LinearScan(free, travel, NOW).soonest(
        case
    )


def test_where_nothing_is_known_of_speed_every_unit_is_looked_at() -> None:
    free = [FreeUnit(f"u{index}", Location(18.9, 72.8), ()) for index in range(500)]
    assert isinstance(nearest(free, Winding(None), NOW), LinearScan)
    assert isinstance(nearest(free, Winding(), NOW), VectorIndex)
    with pytest.raises(ValueError, match="how fast"):
        VectorIndex(free, Winding(None), NOW)


def test_a_unit_is_taken_once() -> None:
    for pool in (LinearScan, VectorIndex):
        units = pool([FreeUnit("u", Location(18.9, 72.8), ())], GreatCircle(), NOW)
        units.take("u")
        with pytest.raises(KeyError):
            units.take("u")
