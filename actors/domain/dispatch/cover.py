"""How near idle units are to the calls expected, when any of them may turn out busy.

With each unit busy for a share `q` of its time, independently, a call is answered by the nearest
unit with probability 1 - q, by the second with (1 - q) q, and so on; the objective is the expected
way, seconds, over the places weighted by their demand. These are the weights of the maximal
expected covering model (MEXCLP: Daskin 1983, doi:10.1287/trsc.17.1.48) put on travel times, which
is the expected cost model of Snyder, Daskin 2005, doi:10.1287/trsc.1040.0107. Cover within eight
minutes, MEXCLP's own objective, was tried first: on San Francisco's calls it spread the units over
places with little demand and made the mean and the 95th percentile worse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actors.domain.dispatch.situation import Hotspot, Situation
from actors.domain.places import Array, Places, places_of
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

# Units are idle at least and busy at most so much of their time: outside, the objective no longer
# tells the first unit from the second (0) or sees none at all (1).
_Q_BOUNDS = (0.1, 0.8)
# Beyond the fifth nearest, whose chance to be needed is a few in a hundred, all are as far.
_DEPTH = 5


class Cover:
    """The demand expected, and what units at given places mean for it."""

    def __init__(
        self,
        demand: Sequence[Hotspot],
        q: float,
        missing_s: float,
        travel: TravelEstimate,
        now: float,
    ) -> None:
        """`missing_s`: the way of a unit that is not there, or farther than that."""
        total = sum(spot.weight for spot in demand)
        self._weights = np.array([spot.weight / total for spot in demand])
        self._places = places_of([spot.location for spot in demand])
        self._chances: Array = np.array([(1.0 - q) * q**k for k in range(_DEPTH)])
        self._missing_s = missing_s
        self._travel = travel
        self._now = now

    def ways(self, origins: Sequence[Location]) -> Array:
        """Seconds to each place, at most `missing_s`: one row a place, one column an origin."""
        table = self._travel.table(Places(origins), self._places, self._now)
        return np.minimum(table, self._missing_s)

    def nearest(self, ways: Array) -> Array:
        """The ways of the nearest few, nearest first: one row a place."""
        count = ways.shape[1]
        kept = np.full((len(self._places), _DEPTH + 1), self._missing_s)
        few = min(count, _DEPTH + 1)
        if count > few:
            ways = np.partition(ways, few - 1, axis=1)
        kept[:, :few] = np.sort(ways[:, :few], axis=1)
        return kept

    def expected(self, nearest: Array) -> float:
        """The objective, seconds; what `missing_s` adds where all are busy is left out."""
        return float(self._weights @ (nearest[:, :_DEPTH] @ self._chances))

    def losses(self, nearest: Array, ways: Array) -> Array:
        """By how much it grows when each of these units, all counted in `nearest`, goes: a row."""
        # All behind the one that goes come one nearer: what it gains over those that remain.
        return self._relief(nearest[:, 1:], ways)

    def without(self, nearest: Array, way: Array) -> Array:
        """The ways of the nearest when one goes; the last of them is then not known: missing."""
        rank = (nearest < way[:, None]).sum(axis=1)
        columns = np.arange(_DEPTH + 1)
        padded = np.concatenate((nearest, np.full((len(nearest), 1), self._missing_s)), axis=1)
        shifted = columns + (columns >= rank[:, None])
        return np.take_along_axis(padded, shifted, axis=1)

    def gains(self, nearest: Array, ways: Array) -> Array:
        """By how much it shrinks when one more unit stands at each of these origins: a row."""
        return self._relief(nearest[:, :_DEPTH], ways)

    def _relief(self, others: Array, ways: Array) -> Array:
        """The sum over k of c_k times what the k-th way shrinks by when one more comes in.

        The k-th of the others is d_k before, and max(d_(k-1), way) after where that is less. Summed
        by parts: (c_k - c_(k+1)) max(0, d_k - way).
        """
        relief = np.zeros(ways.shape[1])
        for k, share in enumerate(-np.diff(self._chances, append=0.0)):
            # Added up row by row, so that origins in one place come to the same in every digit.
            less = np.maximum(others[:, k : k + 1] - ways, 0.0)
            relief += share * (self._weights[:, None] * less).sum(axis=0)
        return relief


def busy_share(situation: Situation) -> float:
    """How much of its time a unit is busy, from the moment's picture."""
    low, high = _Q_BOUNDS
    units = len(situation.free) + len(situation.busy)
    return min(high, max(low, len(situation.busy) / units)) if units else high
