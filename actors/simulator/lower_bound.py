"""How short the priority-weighted response can be at best, all calls being known ahead.

No policy can be below it, so the distance of one from it bounds what any other could still gain.

**Why it holds.** Take any run. Each call i is served by a unit whose task before was another call
j, or which had none and began at its base; each call and each unit's beginning comes before one
call at most. Call i's unit is sent neither before the call came in (a_i) nor before it was cleared
from j (C_j). Where it was neither moved nor diverted since, it is then on the straight line home,
a share f of the way, or at its base. With t for travel, T for the way home, w for weights:

- sent on its way: response_i >= max(0, C_j + f T - a_i) + t(place at f, i)
- sent from its base: the same with f = 1
- astray, moved to another base or diverted: response_i >= max(0, C_j - a_i) + t(best place, i)

C_j is a_j plus j's response plus j's service, which is the same under every policy; and j's
response is at least m_j, the least travel there is to j. A unit that is met on its way long after
it could have been at home was late at j by a delay of at least a_i - f T - (C_j at its earliest),
and j's response is m_j and that delay. So each w_i response_i is paid in two parts: a share SHARE
for its own way as above, with C_j at its earliest, and the rest for m_i and the delay. The sum
over a run is no less than that of the cheapest way to give each call one predecessor.

**How it is computed.** Units of one base and skills are a group. For a group by itself the cheapest
chains of calls are an assignment (scipy's linear_sum_assignment; a call that is not its own is its
own predecessor, for nothing). That each call is served by exactly one group is relaxed with a
price a call (Lagrangian relaxation: every price gives a bound), and prices are improved by
subgradients. At most as many calls as there were moves and preemptions are answered astray: they
pay a fine, and that number of fines is taken off. After a move it is not known whose base a unit
goes home to: all units are one group then, with the best of all ways. Cycles are not forbidden.

Travel is taken to be the same at all hours, as it is in a scenario that `load` has read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from actors.domain.dispatch.weights import weight
from actors.simulator.place import Place
from actors.simulator.scenario import Call, Scenario
from actors.simulator.skills import able
from actors.simulator.wayside import STRETCHES, Floats, Wayside

# Of each response; the rest pays for delays. Of 0.8, 0.9 and 0.95 the middle one bounds best.
SHARE: Final = 0.9
# A matrix of so many calls squared takes 10 MB a group, and a step of the prices some seconds.
MOST_CALLS: Final = 1200
# Steps of the prices; twice as many gain 2 %.
_STEPS: Final = 80
# Steps without gain until they are made shorter, and by how much.
_PATIENCE: Final = 10
_SHORTER: Final = 0.6
# How much of the step before goes on: without it prices swing to and fro.
_MOMENTUM: Final = 0.5
# Fines tried, as shares of the dearest way in the city.
_FINES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_NEVER: Final = 1e12
# Rounding of the simulator's sums of seconds, and of ours.
_ROUNDING: Final = 1e-6


class _Kind(Struct, frozen=True):
    """What units of a group have in common."""

    base: Place
    skills: tuple[str, ...]


class _Group(Struct, frozen=True, eq=False):
    """Units that are alike. `near`, `far`: what a call (row) costs after a call, and then after
    each of the units' beginnings (columns); as it should be, and astray.
    """

    units: int
    near: Floats
    far: Floats


class Relaxation:
    """Of one scenario's calls. `bound` is what it is for."""

    def __init__(self, scenario: Scenario, wayside: Wayside | None = None) -> None:
        """Raises ValueError for more than MOST_CALLS calls, and for none."""
        calls = scenario.calls
        if not 0 < len(calls) <= MOST_CALLS:
            raise ValueError(f"a bound of {len(calls)} calls; 1 to {MOST_CALLS} can be looked at")
        self._scenario = scenario
        self._wayside = wayside or Wayside(scenario)
        self._columns = self._wayside.columns(scenario)
        self._weights = np.array([weight(call.priority) for call in calls])
        self._at = np.array([call.at_s for call in calls])
        self._cleared = [_cleared(scenario, call) for call in calls]
        self._kinds = Counter(_Kind(unit.base, unit.skills) for unit in scenario.units)
        self._known: dict[tuple[int, int], float] = {}

    def bound(self, preemptions: int = 0, moves: int = 0) -> float:
        """The least priority-weighted mean response, seconds, of any run with at most so many."""
        key = (preemptions, moves)
        if key not in self._known:
            self._known[key] = self._bound(preemptions + moves, apart=moves == 0)
        return self._known[key]

    def _bound(self, astray: int, *, apart: bool) -> float:
        least = self._wayside.least[self._columns] if astray else self._reached()
        kinds = self._kinds
        if not apart:
            # A unit may be moved to a base that none of its skills had.
            kinds = Counter({_Kind(a.base, b.skills): 0 for a in kinds for b in kinds})
            kinds.update(self._kinds)
        groups = [self._group(kind, number, least) for kind, number in kinds.items()]
        paid = (1 - SHARE) * float(self._weights @ least)
        best = paid + _together(groups, astray)
        if apart and len(groups) > 1:
            best = max(best, paid + _apart(groups, astray, SHARE * self._weights))
        return max(0.0, best / float(self._weights.sum()) - _ROUNDING)

    def _reached(self) -> Floats:
        """The least travel to each call from where a unit that suits may be sent, none astray."""
        least = np.full(len(self._columns), np.inf)
        places = {place.index: place for place, _ in self._cleared}.values()
        for kind in self._kinds:
            rows = [self._wayside.straight(kind.base)]
            rows += [self._wayside.homeward(place, kind.base).min(axis=0) for place in places]
            travel = np.min(rows, axis=0)[self._columns]
            least = np.where(self._able(kind), np.minimum(least, travel), least)
        return least

    def _able(self, kind: _Kind) -> NDArray[np.bool_]:
        return np.array([able(kind.skills, call.needs) for call in self._scenario.calls])

    def _group(self, kind: _Kind, units: int, least: Floats) -> _Group:
        """`least`: the least travel to each call."""
        base, able = kind.base, self._able(kind)
        size, dearer = len(able), SHARE * self._weights
        earliest = self._at + least + np.array([took for _, took in self._cleared])
        near = np.full((size, size + units), _NEVER)
        far = near.copy()
        home = self._wayside.straight(base)[self._columns]
        anywhere = self._wayside.least[self._columns]
        for before in np.flatnonzero(able):
            near[:, before] = self._after(int(before), earliest[before], base, home)
            far[:, before] = dearer * (np.maximum(0, earliest[before] - self._at) + anywhere)
        near[:, size:] = (dearer * home)[:, None]
        far[:, size:] = (dearer * anywhere)[:, None]
        for costs in (near, far):
            costs[~able] = _NEVER
            np.fill_diagonal(costs, _NEVER)
        return _Group(units, near, far)

    def _after(self, before: int, earliest: float, base: Place, home: Floats) -> Floats:
        """What each call costs after this one, by a unit of this base that is not astray."""
        cleared, _ = self._cleared[before]
        scenario, at = self._scenario, self._at
        way_s = scenario.travel.seconds(cleared, base) / scenario.return_speed_factor
        travel = self._wayside.homeward(cleared, base)[:, self._columns]
        shares = np.arange(STRETCHES + 1)[:, None] / STRETCHES
        passed = earliest + shares * way_s
        responses = np.maximum(0, passed[:-1] - at) + travel
        delays = np.maximum(0, at - passed[1:])
        dearer = SHARE * self._weights
        met = dearer * responses + (1 - SHARE) * self._weights[before] * delays
        at_home = dearer * (np.maximum(0, passed[-1] - at) + home)
        costs: Floats = np.minimum(met.min(axis=0), at_home)
        return costs


def _cleared(scenario: Scenario, call: Call) -> tuple[Place, float]:
    """Where a call's unit is cleared, and how long after it arrived."""
    if not call.transport:
        return call.place, call.on_scene_s
    seconds = scenario.travel.seconds
    took, _, hospital = min(
        (seconds(call.place, hospital), n, hospital)
        for n, hospital in enumerate(scenario.hospitals)
    )
    return hospital, call.on_scene_s + took + call.handover_s


def _together(groups: list[_Group], astray: int) -> float:
    """The cheapest predecessors with all units in one group."""
    size = len(groups[0].near)
    near = _merged(size, ((group.near, group.units) for group in groups))
    if astray == 0:
        return _assigned(near)
    far = _merged(size, ((group.far, group.units) for group in groups))
    # Without a fine all may be astray, and that is a bound too.
    fines = (share * _dearest(near) for share in (0.0, *_FINES))
    return max(_assigned(np.minimum(near, far + fine)) - fine * astray for fine in fines)


def _merged(size: int, parts: Iterable[tuple[Floats, int]]) -> Floats:
    """After a call the best of all groups; after each unit's beginning its own."""
    parts = list(parts)
    calls = np.min([costs[:, :size] for costs, _ in parts], axis=0)
    return np.concatenate([calls, *(costs[:, size:] for costs, _ in parts)], axis=1)


def _assigned(costs: Floats) -> float:
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].sum())


def _dearest(costs: Floats) -> float:
    return float(costs[:, len(costs) :].max(where=costs[:, len(costs) :] < _NEVER, initial=1.0))


def _apart(groups: list[_Group], astray: int, dearer: Floats) -> float:
    """Each group by itself, with prices: the best bound of all fines."""
    start = np.min([group.near[:, -1] for group in groups], axis=0)
    if astray == 0:
        return _priced([_squared(g.near, g.units) for g in groups], start, dearer, _STEPS)[0]
    best, prices = -np.inf, start
    most = max(_dearest(group.near) for group in groups)
    for fine in (share * most for share in _FINES):
        costs = [_squared(np.minimum(g.near, g.far + fine), g.units) for g in groups]
        found, prices = _priced(costs, prices, dearer, _STEPS // 4)
        best = max(best, found - fine * astray)
    return best


def _squared(costs: Floats, units: int) -> Floats:
    """Rows: calls, then the units' ends, which cost nothing. A call may be nobody's."""
    size = len(costs)
    square = np.zeros((size + units, size + units))
    square[:size] = costs
    square[range(size), range(size)] = 0.0
    return square


def _priced(
    groups: list[Floats], prices: Floats, dearer: Floats, steps: int
) -> tuple[float, Floats]:
    """The best bound that was found, and its prices: a call's is what its server is given."""
    size = len(prices)
    diagonal = np.arange(size)
    best, best_prices = -np.inf, prices
    length, waited = 0.5, 0
    moving = np.zeros(size)
    for _ in range(steps):
        bound, served = float(prices.sum()), np.zeros(size)
        for costs in groups:
            offered = costs.copy()
            offered[:size] -= prices[:, None]
            offered[diagonal, diagonal] = 0.0
            rows, columns = linear_sum_assignment(offered)
            bound += float(offered[rows, columns].sum())
            served += columns[:size] != diagonal
        if bound > best:
            best, best_prices, waited = bound, prices, 0
        else:
            waited += 1
            if waited >= _PATIENCE:
                prices, length, waited = best_prices, length * _SHORTER, 0
        moving = 1 - served + _MOMENTUM * moving
        norm = float((dearer * moving * moving).sum())
        if norm == 0:
            break
        # Polyak's step towards a value that is out of reach: half as much again as the best.
        step = length * (1.5 * abs(best) + 1.0 - bound) / norm
        prices = prices + step * dearer * moving
    return best, best_prices
