"""Travel times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.places import Places, places_of
from actors.domain.travel import GreatCircle, great_circle_m
from actors.domain.values import Location

places = st.builds(
    Location, st.floats(-90, 90, allow_nan=False), st.floats(-180, 180, allow_nan=False)
)


def test_delhi_to_mumbai_is_about_1150_km() -> None:
    metres = great_circle_m(Location(28.6139, 77.2090), Location(19.0760, 72.8777))
    assert metres == pytest.approx(1_148_000, rel=0.01)


def test_a_degree_of_latitude_at_the_default_speed_takes_the_road_factor_longer() -> None:
    direct = GreatCircle(road_factor=1.0, speed_mps=10.0)
    roads = GreatCircle(road_factor=1.4, speed_mps=10.0)
    a, b = Location(0, 0), Location(1, 0)
    assert direct.seconds(a, b) == pytest.approx(11_119.5, rel=1e-4)
    assert roads.seconds(a, b) == pytest.approx(1.4 * direct.seconds(a, b))


@given(places, places)
def test_there_and_back_take_the_same_and_never_less_than_nothing(a: Location, b: Location) -> None:
    travel = GreatCircle()
    assert travel.seconds(a, b) >= 0
    assert travel.seconds(a, b) == pytest.approx(travel.seconds(b, a), abs=1e-3)
    assert travel.seconds(a, a) == 0


@given(st.lists(places, max_size=5), st.lists(places, max_size=5))
def test_the_table_says_what_is_said_of_each_pair(
    origins: list[Location], targets: list[Location]
) -> None:
    travel = GreatCircle()
    table = travel.table(Places(origins), Places(targets))
    assert table.shape == (len(targets), len(origins))
    each = [[travel.seconds(a, b) for a in origins] for b in targets]
    # Near the antipode an arcsine tells little apart: there, to the metre.
    np.testing.assert_allclose(table.reshape(-1), np.array(each).reshape(-1), 1e-9, 0.2)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_within_a_city_to_nine_digits(north: float, east: float) -> None:
    travel = GreatCircle()
    a, b = Location(37.7, -122.4), Location(37.7 + north, -122.4 + east)
    table = travel.table(Places([a]), Places([b]))
    assert table[0, 0] == pytest.approx(travel.seconds(a, b), rel=1e-9, abs=1e-8)


def test_places_that_are_asked_about_again_are_the_same_object() -> None:
    some = [Location(1.0, 2.0), Location(3.0, 4.0)]
    assert places_of(some) is places_of(list(some))
    assert places_of(some[:1]) is not places_of(some)
