"""Many places at once, in columns: where they are on the sphere, and how far apart.

What is asked of each pair of hundreds of places is computed for all of them together: a travel
estimate's `table` takes `Places` and gives an array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from actors.domain.values import Location

Array = npt.NDArray[np.float64]

# Up to here (600 km) three terms of the series are good to ten digits, at a fraction of the cost.
_NEAR = 0.1
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
    radians = np.radians(degrees)
    cosines, sines = np.cos(radians), np.sin(radians)
    points = np.empty((3, len(locations)))
    points[0] = cosines[0]
    points[1] = cosines[0]
    points[0] *= cosines[1]
    points[1] *= sines[1]
    points[2] = sines[0]
    return points


def angles(origins: Array, targets: Array) -> Array:
    """Radians between points of the unit sphere, to nine digits: a row a target, a column an
    origin."""
    square: Array = targets[0][:, None] - origins[0]
    square *= square
    for axis in (1, 2):
        along = targets[axis][:, None] - origins[axis]
        along *= along
        square += along
    if not square.size:
        return square
    # Twice the arcsine of half the chord.
    chord: Array = np.sqrt(square)
    if square.max() < _NEAR**2:
        square *= 3.0 / 640.0 * square + 1.0 / 24.0
        square += 1.0
        chord *= square
        return chord
    far: Array = 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0))
    return far


def planar_distances(origins: Places, targets: Places) -> Array:
    """On a plane, where `lon` is x and `lat` is y: a row a target, a column an origin."""
    begin, end = _on_plane(origins.locations), _on_plane(targets.locations)
    across, up = begin[:, None] - end[:, :, None]
    straight: Array = np.hypot(across, up)
    return straight


def _on_plane(locations: Sequence[Location]) -> Array:
    return np.array([[place.lon for place in locations], [place.lat for place in locations]])
