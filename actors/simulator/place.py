"""The places of a scenario: where everything in it begins and ends, by its number in the file.

The domain speaks of `Location`s. A scenario's are `Place`s: two with the same coordinates are still
two, with travel times of their own, and a matrix finds its row without a look at coordinates. They
pass through the domain by reference, so what comes out of it are the same objects.
"""

from __future__ import annotations

from math import hypot
from typing import Protocol

from actors.domain.travel import great_circle_m
from actors.domain.values import Location, Position


class Place(Location, frozen=True, kw_only=True):
    """`index`: which row of locations.csv. On a plane `lat` is y and `lon` is x, metres."""

    index: int


class PlacePosition(Position, frozen=True, kw_only=True):
    """A position that is known to be a place."""

    place: Place

    @property
    def location(self) -> Location:
        return self.place


class Distance(Protocol):
    """The straight line between two points, metres."""

    def __call__(self, a: Location, b: Location, /) -> float: ...


def planar_m(a: Location, b: Location) -> float:
    """Distance on a plane."""
    return hypot(b.lon - a.lon, b.lat - a.lat)


def distance_on(sphere: bool) -> Distance:
    """How far apart places of one kind are."""
    return great_circle_m if sphere else planar_m
