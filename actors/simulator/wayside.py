"""Travel to a scenario's calls, from its places and from the ways that units drive home on."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from actors.domain.travel import EARTH_RADIUS_M
from actors.simulator.place import Place
from actors.simulator.scenario import Scenario

Floats = NDArray[np.float64]

# A way home is looked at in so many stretches, and each at so many points; between them the
# superset of places is made wider by their distance.
STRETCHES: Final = 16
_POINTS: Final = 4
# The plane of the tree is flat, the scenario's straight line may be on the sphere.
_FLATNESS: Final = 0.01


class Wayside:
    """For one city; calls with other work, in the same places, can use it again."""

    def __init__(self, scenario: Scenario) -> None:
        self._plane = _plane(scenario.places, sphere=scenario.sphere)
        self._tree = cKDTree(self._plane)
        targets = sorted({call.place.index for call in scenario.calls})
        self._column = {index: n for n, index in enumerate(targets)}
        seconds, places = scenario.travel.seconds, scenario.places
        self._to = np.array([[seconds(a, places[b]) for b in targets] for a in places])
        self._ways: dict[tuple[int, int], Floats] = {}

    def columns(self, scenario: Scenario) -> NDArray[np.int64]:
        """Where each call's place stands among the targets, which are columns everywhere below."""
        return np.array([self._column[call.place.index] for call in scenario.calls])

    @property
    def least(self) -> Floats:
        """Travel to each target from the best place there is."""
        row: Floats = self._to.min(axis=0)
        return row

    def straight(self, origin: Place) -> Floats:
        """Travel to each target from a place."""
        row: Floats = self._to[origin.index]
        return row

    def homeward(self, cleared: Place, base: Place) -> Floats:
        """For each stretch of the way (row), travel to each target from the best place that a
        unit may be sent from there; at the least.
        """
        key = (cleared.index, base.index)
        found = self._ways.get(key)
        if found is None:
            found = self._ways[key] = self._stretches(cleared.index, base.index)
        return found

    def _stretches(self, cleared: int, base: int) -> Floats:
        """A unit is sent from the place nearest to the point of the straight line it has come to.

        Such a point lies within half a step of one that is looked at, and its nearest place no
        farther from that one than that one's own nearest, and a step.
        """
        here, home = self._plane[cleared], self._plane[base]
        shares = np.linspace(0.0, 1.0, STRETCHES * _POINTS + 1)[:, None]
        points = here + shares * (home - here)
        step = float(np.linalg.norm(home - here)) / (STRETCHES * _POINTS)
        distance, _ = self._tree.query(points)
        near = self._tree.query_ball_point(points, (distance + step) * (1 + _FLATNESS) + 1.0)
        rows = []
        for first in range(0, STRETCHES * _POINTS, _POINTS):
            found = set().union(*near[first : first + _POINTS + 1])
            rows.append(self._to[sorted(found)].min(axis=0))
        # It stands where it was cleared before it drives; two places may have the same point.
        rows[0] = np.minimum(rows[0], self._to[cleared])
        return np.array(rows)


def _plane(places: Sequence[Place], *, sphere: bool) -> Floats:
    """(x, y) metres."""
    at = np.array([[place.lon, place.lat] for place in places])
    if not sphere:
        return at
    metre = radians(1.0) * EARTH_RADIUS_M
    middle = radians(float(at[:, 1].mean()))
    flat: Floats = at * (metre * cos(middle), metre)
    return flat
