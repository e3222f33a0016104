"""Few places for many: points of a city, gathered into the cells of a square grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import cos, floor, radians

from actors.domain.travel import EARTH_RADIUS_M
from actors.domain.values import Location


class Grid:
    """Cells of `cell_m` metres. A cell's place is the middle of the points that fell into it.

    Cells are counted from the equator and Greenwich with the shrinking of longitude at `points`'
    mean latitude, so that the same points give the same cells.
    """

    def __init__(self, points: Iterable[Location], cell_m: float) -> None:
        if not cell_m > 0:
            raise ValueError(f"cells of {cell_m} m")
        points = list(points)
        mean = sum(point.lat for point in points) / len(points) if points else 0.0
        self._lat_deg = cell_m / (EARTH_RADIUS_M * radians(1.0))
        self._lon_deg = self._lat_deg / max(cos(radians(mean)), 1e-6)
        gathered: defaultdict[tuple[int, int], list[Location]] = defaultdict(list)
        for point in points:
            gathered[self._cell(point)].append(point)
        self._places = {
            cell: (f"g{n}", _middle(inside))
            for n, (cell, inside) in enumerate(sorted(gathered.items()), start=1)
        }

    @property
    def places(self) -> tuple[tuple[str, Location], ...]:
        """Id and location of each cell that has a point, south to north, west to east."""
        return tuple(self._places.values())

    def place_of(self, point: Location) -> str:
        """The id of the cell of one of the points. Raises KeyError for another's cell."""
        return self._places[self._cell(point)][0]

    def _cell(self, point: Location) -> tuple[int, int]:
        return floor(point.lat / self._lat_deg), floor(point.lon / self._lon_deg)


def _middle(points: list[Location]) -> Location:
    # Six decimals are a tenth of a metre: a file of them stays readable.
    return Location(
        round(sum(point.lat for point in points) / len(points), 6),
        round(sum(point.lon for point in points) / len(points), 6),
    )
