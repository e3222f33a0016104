"""The grid answers as a look at all places does, ties included."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.travel import great_circle_m
from actors.domain.values import Location
from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place, planar_m

# Whole numbers make ties, the others do not.
coordinates = st.integers(-3, 3).map(float) | st.floats(-3.0, 3.0)
points = st.tuples(coordinates, coordinates)


@settings(max_examples=150)
@given(
    spots=st.lists(points, min_size=1, max_size=40),
    asked=st.lists(points, min_size=1, max_size=20),
    sphere=st.booleans(),
)
def test_the_nearest_place_is_the_first_of_those_that_are_nearest(
    spots: list[tuple[float, float]], asked: list[tuple[float, float]], sphere: bool
) -> None:
    places = [Place(lat, lon, index=index) for index, (lat, lon) in enumerate(spots)]
    distance = great_circle_m if sphere else planar_m
    nearest = NearestPlace(places, sphere=sphere)
    for lat, lon in asked:
        point = Location(lat, lon)
        assert nearest(lat, lon) is min(places, key=lambda place: distance(point, place))
