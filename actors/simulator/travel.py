"""How long a scenario's trips take: as its travel.csv says, or by the straight line at one speed.

Both are asked with Places. A policy may also ask about other points (where calls are expected):
the matrix then answers for the place nearest to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actors.domain.places import Array, Places, arcs, planar_distances
from actors.domain.travel import EARTH_RADIUS_M
from actors.domain.values import Location
from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place, distance_on


class MatrixTravel:
    """`rows[i][j]`: seconds from place i to place j, whatever the hour."""

    # Nothing is known of how straight its roads are.
    fastest_mps: float | None = None

    def __init__(self, rows: Sequence[Sequence[float]], nearest: NearestPlace) -> None:
        self._rows = rows
        self._nearest = nearest
        self._found: dict[Location, int] = {}
        self._columns: Array | None = None

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        # Asked for each unit of each plan: by type, which is what a Place can be told by soonest.
        row = self._rows[origin.index if type(origin) is Place else self._near(origin)]
        return row[target.index if type(target) is Place else self._near(target)]

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        if self._columns is None:
            self._columns = np.array(self._rows).T
        table: Array = self._columns[np.ix_(self._all(targets), self._all(origins))]
        return table

    def _all(self, places: Places) -> list[int]:
        near = self._near
        return [place.index if type(place) is Place else near(place) for place in places.locations]

    def _near(self, point: Location) -> int:
        """The same few points are asked about again and again."""
        found = self._found.get(point)
        if found is None:
            found = self._found[point] = self._nearest(point.lat, point.lon).index
        return found


class StraightTravel:
    """The straight line (on the sphere: the great circle) at `speed_mps`."""

    def __init__(self, speed_mps: float, *, sphere: bool) -> None:
        self._speed_mps = speed_mps
        self._sphere = sphere
        self._distance = distance_on(sphere)
        # Policies measure on the sphere; on a plane that says nothing.
        self.fastest_mps: float | None = speed_mps if sphere else None

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        return self._distance(origin, target) / self._speed_mps

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        if self._sphere:
            return arcs(origins.points, targets.points, EARTH_RADIUS_M / self._speed_mps)
        return planar_distances(origins, targets) / self._speed_mps
