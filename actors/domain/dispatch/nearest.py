"""Which free unit is there soonest: a pool of units, from which the nearest is taken repeatedly.

`LinearScan` asks the travel estimate about every unit: the definition. `VectorIndex` gives the same
answers, ties included, where the estimate says how fast the fastest is (`fastest_mps`): no trip is
shorter in time than its straight line at that speed, so only units are asked about whose straight
line could still win. Straight lines are chords between points on the unit sphere, never longer than
the arc, and follow from dot products: one pass over all units in a few microseconds. Over a k-d
tree (measured: 0.9 ms to build for 5,000 units, which one decision rarely earns back) it needs no
building beyond the coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from actors.domain.dispatch.fleet import Fleet, Kind, Mask, fleet
from actors.domain.dispatch.situation import FreeUnit, Waiting
from actors.domain.dispatch.suitability import suits
from actors.domain.dispatch.table import Of, Origins
from actors.domain.places import Array, Places, point_of
from actors.domain.travel import EARTH_RADIUS_M, TravelEstimate

# Below this many units, asking about each is cheaper than setting up arrays.
_WORTH_AN_INDEX = 40
# How far rounding may carry a bound past the truth. A dot product near 1 is good to a few 1e-16,
# which is centimetres: ten times that is let through, and the estimate decides.
_SLACK_DOT = 1e-14
_SLACK_S = 1e-6
# A table of ways is good to nine digits.
_ROUNDING = 2e-9
# Where roads wind, many may be nearer than they seem. So many are each asked about sooner than a
# table is made.
_FEW = 6


class Nearest(Protocol):
    """The units that are left."""

    def __len__(self) -> int: ...

    def any_suits(self, case: Waiting) -> bool:
        """Whether a unit that is left suits it, willing or not."""
        ...

    def soonest(self, case: Waiting) -> tuple[float, str] | None:
        """Shortest travel time of the suiting, willing units, seconds, and whose; ties by id."""
        ...

    def within(self, case: Waiting, seconds: float) -> list[tuple[float, str]]:
        """Of the suiting, willing units those that are there in so many seconds, soonest first."""
        ...

    def take(self, unit: str) -> None:
        """It is not left any more. Raises KeyError where it was not."""
        ...


def nearest(units: Sequence[FreeUnit], travel: TravelEstimate, now: float) -> Nearest:
    """The pool of all `units`, for trips that begin at `now`."""
    if len(units) < _WORTH_AN_INDEX or not travel.fastest_mps:
        return LinearScan(units, travel, now)
    return VectorIndex(units, travel, now)


class LinearScan:
    """See above."""

    def __init__(self, units: Sequence[FreeUnit], travel: TravelEstimate, now: float) -> None:
        self._left = {unit.unit: unit for unit in units}
        self._travel = travel
        self._now = now

    def __len__(self) -> int:
        return len(self._left)

    def any_suits(self, case: Waiting) -> bool:
        """See Nearest."""
        if not case.needs and not case.vehicles:
            return bool(self._left)
        return any(suits(unit, case) for unit in self._left.values())

    def soonest(self, case: Waiting) -> tuple[float, str] | None:
        """See Nearest."""
        return min(self._ways(case), default=None)

    def within(self, case: Waiting, seconds: float) -> list[tuple[float, str]]:
        """See Nearest."""
        return sorted(way for way in self._ways(case) if way[0] <= seconds)

    def take(self, unit: str) -> None:
        """See Nearest."""
        del self._left[unit]

    def _ways(self, case: Waiting) -> list[tuple[float, str]]:
        seconds, target, now = self._travel.seconds, case.location, self._now
        refused_by, picky = case.refused_by, bool(case.needs or case.vehicles)
        return [
            (seconds(unit.location, target, now), id_)
            for id_, unit in self._left.items()
            if id_ not in refused_by and (not picky or suits(unit, case))
        ]


class VectorIndex:
    """See above. Needs an estimate whose `fastest_mps` is known."""

    def __init__(self, units: Sequence[FreeUnit], travel: TravelEstimate, now: float) -> None:
        fastest_mps = travel.fastest_mps
        if not fastest_mps:
            raise ValueError("an index needs to know how fast the fastest is")
        self._fleet: Fleet = fleet(units)
        self._points = self._fleet.points
        self._travel = travel
        self._now = now
        self._chord_per_s = fastest_mps / EARTH_RADIUS_M
        # For each kind of needs that was asked for: who suits, and how many of those are left; and
        # who is barred, once somebody is looked for.
        self._suiting: dict[Kind, Mask] = {}
        self._open: dict[Kind, int] = {}
        self._closed: dict[Kind, Array] = {}
        self._taken: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._fleet.units) - len(self._taken)

    def any_suits(self, case: Waiting) -> bool:
        """See Nearest."""
        kind = (case.needs, case.vehicles)
        left = self._open.get(kind)
        if left is None:
            suiting = self._suiting[kind] = self._fleet.suiting(case)
            left = int(np.count_nonzero(suiting)) - sum(bool(suiting[row]) for row in self._taken)
            self._open[kind] = left
        return left > 0

    def soonest(self, case: Waiting) -> tuple[float, str] | None:
        """See Nearest."""
        if not self.any_suits(case):
            return None
        dots = self._dots(case)
        first = int(dots.argmax())
        if dots[first] == -np.inf:
            return None
        best = self._pick(first, case)
        near = self._not_farther(dots, best[0])
        if near == [first]:
            return best
        if len(near) > _FEW:
            near = self._told_apart(near, case)
        return min([self._pick(index, case) for index in near], default=best)

    def within(self, case: Waiting, seconds: float) -> list[tuple[float, str]]:
        """See Nearest."""
        near = self._not_farther(self._dots(case), seconds)
        if len(near) > _FEW:
            near = self._told_apart(near, case, seconds)
        ways = [self._pick(index, case) for index in near]
        return sorted([way for way in ways if way[0] <= seconds])

    def take(self, unit: str) -> None:
        """See Nearest."""
        index = self._fleet.at[unit]
        if index in self._taken:
            raise KeyError(unit)
        self._taken[index] = None
        for kind, suiting in self._suiting.items():
            if suiting[index]:
                self._open[kind] -= 1
        for closed in self._closed.values():
            closed[index] = -np.inf

    def _dots(self, case: Waiting) -> Array:
        """The nearer the larger: 1 - chord²/2; -infinity for those that cannot or will not go."""
        dots: Array = np.array(point_of(case.location)) @ self._points
        dots += self._barred(case)
        for refuser in case.refused_by:
            if (index := self._fleet.at.get(refuser)) is not None:
                dots[index] = -np.inf
        return dots

    def _not_farther(self, dots: Array, seconds: float) -> list[int]:
        """Those whose straight line at full speed takes no longer than that."""
        chord = (seconds + _SLACK_S) * self._chord_per_s
        near: list[int] = (dots >= 1.0 - chord * chord / 2.0 - _SLACK_DOT).nonzero()[0].tolist()
        return near

    def _told_apart(
        self, near: list[int], case: Waiting, within_s: float | None = None
    ) -> list[int]:
        """Of these the soonest, or those within so many seconds, and who is so by a rounding: all
        are asked about at once, so that few are left to be asked about closely."""
        origins = Origins(Of(self._fleet, near))
        ways = self._travel.table(origins, Places([case.location]), self._now)[0]
        limit = (ways.min() if within_s is None else within_s) * (1.0 + _ROUNDING) + _SLACK_S
        return [near[at] for at in (ways <= limit).nonzero()[0].tolist()]

    def _pick(self, index: int, case: Waiting) -> tuple[float, str]:
        unit = self._fleet.units[index]
        return self._travel.seconds(unit.location, case.location, self._now), unit.unit

    def _barred(self, case: Waiting) -> Array:
        """0 for each unit that is left and suits, else -infinity."""
        kind = (case.needs, case.vehicles)
        found = self._closed.get(kind)
        if found is None:
            suiting = self._fleet.suiting(case)
            found = np.where(suiting, 0.0, -np.inf)
            found[list(self._taken)] = -np.inf
            self._closed[kind] = found
        return found
