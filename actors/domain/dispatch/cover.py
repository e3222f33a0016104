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

from actors.domain.dispatch.fleet import Rows
from actors.domain.dispatch.situation import Hotspot, Situation
from actors.domain.places import Array, places_of
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

# Units are idle at least and busy at most so much of their time: outside, the objective no longer
# tells the first unit from the second (0) or sees none at all (1).
_Q_BOUNDS = (0.1, 0.8)
# Beyond the fifth nearest, whose chance to be needed is a few in a hundred, all are as far.
_DEPTH = 5


class Cover:
    """The demand expected, and what units at given sites mean for it.

    A site is where any number of units stand or may stand: most stand at one of a few stations, so
    that what is computed of sites is known of all of them.
    """

    def __init__(
        self,
        demand: Sequence[Hotspot],
        sites: Sequence[Location],
        q: float,
        missing_s: float,
        travel: TravelEstimate,
        now: float,
    ) -> None:
        """`missing_s`: the way of a unit that is not there, or farther than that."""
        total = sum(spot.weight for spot in demand)
        self._weights = np.array([spot.weight / total for spot in demand])
        chances = [(1.0 - q) * q**k for k in range(_DEPTH)]
        self._shares = -np.diff(np.array(chances), append=0.0)
        self._missing_s = missing_s
        targets = places_of([spot.location for spot in demand])
        # Seconds to each place, at most `missing_s`: one row a place, one column a site.
        self._ways = np.minimum(travel.table(places_of(sites), targets, now), missing_s)

    def nearest(self, units: Rows) -> Array:
        """The ways of the nearest few, nearest first: one row a place. `units`: how many stand at
        each site."""
        few, open_ = _DEPTH + 1, units.nonzero()[0]
        ways = self._ways.take(open_, axis=1)
        # Each of these sites has a unit: the nearest few units are at the nearest few.
        order = ways.argsort(axis=1)[:, :few]
        until = units[open_].take(order.T).cumsum(axis=0)
        missing = np.full((len(ways), 1), self._missing_s)
        ways = np.concatenate((np.take_along_axis(ways, order, axis=1), missing), axis=1)
        # At which of these the first is, the second, and so on; behind the last, none.
        nth, counted = np.zeros((len(ways), few), dtype=np.intp), np.arange(few)
        for some in until:
            nth += some[:, None] <= counted
        nearest: Array = np.take_along_axis(ways, nth, axis=1)
        return nearest

    def losses(self, nearest: Array) -> Array:
        """By how much the objective grows when one unit of those counted in `nearest` goes: one
        number a site."""
        place, site = (self._ways < nearest[:, -1:]).nonzero()
        # All behind the one that goes come one nearer: what it gains over those that remain.
        rest = nearest.T[1:, None, place]
        found: Array = self._relief(rest, place, site, self._ways.shape[1])[0]
        return found

    def gains(self, nearest: Array, sites: Sequence[int], posts: int) -> Array:
        """By how much it shrinks when one of these sites has a unit less, a row each, and one of
        the first `posts` has one more, a column each; against the former alone."""
        place, post = (self._ways[:, :posts] < nearest[:, -1:]).nonzero()
        before = nearest.T[:, None, place]
        stays = before[:-1] < self._ways.T[sites][:, place]
        rest = np.where(stays, before[:-1], before[1:])
        return self._relief(rest, place, post, posts)

    def _relief(self, others: Array, place: Rows, site: Rows, columns: int) -> Array:
        """The sum over k of c_k times what the k-th way shrinks by when one more comes in.

        `others`: in layers those that are first, second, and so on, with a row for each of some
        cases, and in it for each pair of a place and a site the way there. A site that is in no
        pair is farther from all places than all of them, as most sites are from most places. In
        the result each case is a row, each site a column. The k-th of the others is d_k before, and
        max(d_(k-1), way) after where that is less. Summed by parts: (c_k - c_(k+1)) max(0, d_k -
        way). Added up place by place, so that equal sites come to the same in every digit.
        """
        less = others - self._ways[place, site]
        np.maximum(less, 0.0, out=less)
        less *= self._shares[:, None, None]
        relief = less.sum(axis=0)
        relief *= self._weights[place]
        cells = np.arange(len(relief))[:, None] * columns + site
        found = np.bincount(cells.ravel(), relief.ravel(), len(relief) * columns)
        shaped: Array = found.reshape(len(relief), columns).astype(np.float64, copy=False)
        return shaped


def busy_share(situation: Situation) -> float:
    """How much of its time a unit is busy, from the moment's picture."""
    low, high = _Q_BOUNDS
    units = len(situation.free) + len(situation.busy)
    return min(high, max(low, len(situation.busy) / units)) if units else high
