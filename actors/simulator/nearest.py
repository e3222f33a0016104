"""Which place is nearest to a point, exactly, and fast enough to ask for every unit in every plan.

The plane is cut into cells. Of each that is asked about, the places that can be nearest to any
point in it are found once; most cells have one to three. Among those the distances decide, ties
by the order in the file, so the answer is the same as that of a look at all places.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, hypot, radians, sqrt

from actors.domain.travel import EARTH_RADIUS_M, great_circle_m
from actors.domain.values import Location
from actors.simulator.place import Distance, Place, distance_on

# Cells to a place: a finer grid has fewer candidates in each cell and more cells to fill. At 8
# a cell is a third as wide as places are apart.
_CELLS_EACH = 8
# A cell is filled from the one around it, so many times as wide: a few dozen distances instead of
# one to each place there is.
_WIDER = 8
# By this much of the extent a computed distance may be off, and a point outside of its cell. It
# only makes candidates of places that are not nearest after all.
_ROUNDING = 1e-6


class NearestPlace:
    """Over a fixed, non-empty set of places, on a plane or on the sphere."""

    def __init__(self, places: Sequence[Place], *, sphere: bool) -> None:
        self._places = places
        self._sphere = sphere
        self._distance: Distance = distance_on(sphere)
        self._lat = min(place.lat for place in places)
        self._lon = min(place.lon for place in places)
        height = max(place.lat for place in places) - self._lat
        width = max(place.lon for place in places) - self._lon
        cells = _CELLS_EACH * len(places)
        # Places on one line have no area.
        side = max(sqrt(height * width / cells), max(height, width) / cells)
        self._per_side = 1.0 / side if side > 0.0 else 0.0
        self._side = side
        # On the sphere degrees of longitude are at most as long as those of latitude.
        metres = radians(1.0) * EARTH_RADIUS_M if sphere else 1.0
        self._diagonal_m = hypot(side, side) * metres
        self._rounding_m = _ROUNDING * hypot(height, width) * metres
        self._levels = 0
        while side > 0.0 and side * _WIDER**self._levels < max(height, width):
            self._levels += 1
        self._cells: dict[tuple[int, int], Sequence[Place]] = {}
        self._wider: dict[tuple[int, int, int], Sequence[Place]] = {}

    def __call__(self, lat: float, lon: float) -> Place:
        """The place nearest to a point."""
        return self.to(lat, lon)

    def to(self, lat: float, lon: float) -> Place:
        """As above. Asked for each unit that drives, at each decision: a method by its name costs
        less to call than an object."""
        cell = (
            floor((lat - self._lat) * self._per_side),
            floor((lon - self._lon) * self._per_side),
        )
        candidates = self._cells.get(cell)
        if candidates is None:
            candidates = self._cells[cell] = self._candidates(0, *cell)
        if len(candidates) == 1:
            return candidates[0]
        if self._sphere:
            point = Location(lat, lon)
            apart = [great_circle_m(point, place) for place in candidates]
        else:
            # As planar_m has it.
            apart = [hypot(place.lon - lon, place.lat - lat) for place in candidates]
        return candidates[apart.index(min(apart))]

    def _candidates(self, level: int, row: int, column: int) -> Sequence[Place]:
        """In the file's order: all that lie no farther from the middle than the nearest and 2 r.

        By the triangle inequality no other is nearest to a point within r of the middle.
        """
        among = self._places
        if level < self._levels:
            around = (level + 1, row // _WIDER, column // _WIDER)
            if around not in self._wider:
                self._wider[around] = self._candidates(*around)
            among = self._wider[around]
        side = self._side * _WIDER**level
        middle = Location(self._lat + (row + 0.5) * side, self._lon + (column + 0.5) * side)
        apart = [self._distance(middle, place) for place in among]
        limit = min(apart) + self._diagonal_m * _WIDER**level + self._rounding_m
        return [place for place, m in zip(among, apart, strict=True) if m <= limit]
