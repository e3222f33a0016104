"""Many places at once, in columns: where they are on the sphere, and how far apart.

What is asked of each pair of hundreds of places is computed for all of them together: a travel
estimate's `table` takes `Places` and gives an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from actors.domain.values import Location

Array = npt.NDArray[np.float64]

# Up to here (600 km) three terms of the series are good to ten digits, at a fraction of the cost.
_NEAR = 0.1
# So many pairs at a time stay in the processor's cache: measured, all at once take three times as
# long for 32 targets and 2,000 origins.
_BLOCK = 32_768
# Who waits, where calls are expected, the stations: of a few regions.
_KEPT = 8


class Places:
    """Places in an order of their own. Never changed once they are made."""

    def __init__(self, locations: Sequence[Location]) -> None:
        self._locations = locations
        self._points: Array | None = None

    def __len__(self) -> int:
        return len(self._locations)

    @property
    def locations(self) -> Sequence[Location]:
        """The places themselves."""
        return self._locations

    @property
    def points(self) -> Array:
        """Where they are on the unit sphere: x, y, z; one column a place. Not to be changed."""
        if self._points is None:
            self._points = on_sphere(self.locations)
        return self._points


_kept: list[Places] = []


def places_of(locations: Sequence[Location]) -> Places:
    """Of places that are asked about again: the same object for equal ones, while it is remembered.

    Threads may ask at once: the list is replaced, never changed, and forgetting is harmless.
    """
    global _kept
    wanted = list(locations)
    kept = _kept
    for known in kept:
        if known.locations == wanted:
            return known
    found = Places(wanted)
    _kept = [found, *kept[: _KEPT - 1]]
    return found


def on_sphere(locations: Sequence[Location]) -> Array:
    """Points on the unit sphere, one column a place."""
    degrees = np.array([[place.lat for place in locations], [place.lon for place in locations]])
    angles = np.radians(degrees)
    cosines, sines = np.cos(angles), np.sin(angles)
    points = np.empty((3, len(locations)))
    np.multiply(cosines[0], cosines[1], out=points[0])
    np.multiply(cosines[0], sines[1], out=points[1])
    points[2] = sines[0]
    return points


def point_of(location: Location) -> tuple[float, float, float]:
    """Of one place, as on_sphere has it or as near as rounding: sooner than columns are made."""
    lat, lon = radians(location.lat), radians(location.lon)
    level = cos(lat)
    return level * cos(lon), level * sin(lon), sin(lat)


def arcs(origins: Array, targets: Array, radius: float) -> Array:
    """How far apart points of the unit sphere are on one of that radius, to nine digits.

    A row a target, a column an origin.
    """
    found = np.empty((targets.shape[1], origins.shape[1]))
    if not found.size:
        return found
    begin, end = origins.T, targets.T
    rows = max(1, _BLOCK // len(begin))
    for row in range(0, len(end), rows):
        _spanned(cdist(end[row : row + rows], begin), radius, found[row : row + rows])
    return found


def _spanned(chord: Array, radius: float, arc: Array) -> None:
    """Put in `arc` what these chords of the unit sphere span: twice the arcsine of half of each."""
    if chord.max() >= _NEAR:
        np.arcsin(np.minimum(chord * 0.5, 1.0), out=arc)
        arc *= 2.0 * radius
        return
    square = chord * chord
    np.multiply(square, radius * 3.0 / 640.0, out=arc)
    arc += radius / 24.0
    arc *= square
    arc += radius
    arc *= chord


def planar_distances(origins: Places, targets: Places) -> Array:
    """On a plane, where `lon` is x and `lat` is y: a row a target, a column an origin."""
    begin, end = _on_plane(origins.locations), _on_plane(targets.locations)
    across, up = begin[:, None] - end[:, :, None]
    straight: Array = np.hypot(across, up)
    return straight


def _on_plane(locations: Sequence[Location]) -> Array:
    return np.array([[place.lon for place in locations], [place.lat for place in locations]])
