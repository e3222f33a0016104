"""`lookahead`: all who wait are matched at once to the units that are free or soon will be.

What it does. Each pair of an emergency and a unit has a cost: the expected response (waited so
far, until the unit is free, its way), weighted by class; the pairing of least total cost is
proposed. So a near unit is not spent on one emergency when it is the only near one for another,
and when calls queue, a unit that comes free goes to those of the most urgent class that it is near
to instead of across the city to the oldest. An emergency whose best unit is still busy but will
be there sooner than any free one by a margin is kept waiting for it (a Hold).

Why. Batches instead of one at a time, and units about to finish as candidates, are improvements
over closest-idle that need no forecast of calls. How much there is to win: on a Dutch region's
calls closest-idle had 2.7 times as many late arrivals as the offline optimum (Jagtenberg, van den
Berg, van der Mei 2017, doi:10.1016/j.ejor.2016.08.061).

What always holds. A free unit that suits goes to no emergency while one of a higher class (by
weights.urgency: class, raised by age), or of the same and left by its unit before, that it suits
and that did not refuse it gets none, unless the latter is held. A hold is for the first seconds of
a call's life only (`hold_s`), and for priority 1 the shortest: an estimate must not cost a life.
The cost grows faster than the wait, so that the oldest of a class cannot be passed over for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter, neg

import numpy as np

from actors.domain.dispatch.fleet import Array, Kind, Mask, Unit, fleet
from actors.domain.dispatch.greedy import in_order
from actors.domain.dispatch.matching import cheapest
from actors.domain.dispatch.nearest import nearest
from actors.domain.dispatch.situation import Hold, Part, Plan, Proposal, Situation, Waiting
from actors.domain.dispatch.suitability import suits
from actors.domain.dispatch.table import Of, Origins, able_ways
from actors.domain.dispatch.weights import in_rank, weight
from actors.domain.travel import TravelEstimate

_NOTHING = Plan()
_needed = attrgetter("needs", "vehicles")


@dataclass(frozen=True, slots=True)
class LookaheadRules:
    """`horizon_s`: busy units that are free later are not candidates; estimates of the end of a
    task are worth little beyond. `margin_s`: how much sooner a busy unit must be there to be waited
    for, since the free one is sure. `doubt`: share by which a busy unit's remaining time is taken
    as longer, for those run over. `hold_s`: until which age an emergency may be held, by priority.
    `ripe_s`: after so long the wait weighs twice what it did at first. `unserved_s`: what getting
    no unit now costs, as if it took so much longer. `batch`: the most emergencies matched at once,
    in the order of rank; the rest is served greedily, which bounds the time to decide.
    """

    horizon_s: float = 600.0
    margin_s: float = 60.0
    doubt: float = 0.25
    hold_s: tuple[float, ...] = (20.0, 60.0, 120.0, 180.0)
    ripe_s: float = 1800.0
    unserved_s: float = 1200.0
    batch: int = 32


@dataclass(frozen=True, slots=True)
class Lookahead:
    """See above."""

    name: str = "lookahead"
    wants: frozenset[Part] = frozenset({"busy"})
    rules: LookaheadRules = LookaheadRules()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        if not situation.free or not situation.waiting:
            return _NOTHING
        return _Batch(self.rules, situation, travel).plan()


class _Batch:
    """One plan in the making."""

    def __init__(self, rules: LookaheadRules, situation: Situation, travel: TravelEstimate) -> None:
        self._rules = rules
        now = self._now = situation.now
        ranked = in_rank(situation.waiting, now)
        self._queue = [row[4] for row in ranked]
        self._class = {row[3]: row[0] for row in ranked}
        # Whom nobody lower may get a unit before: classes, and in each those whom a unit has left.
        self._standing = {row[3]: row[:2] for row in ranked}
        self._travel = travel
        self._free = fleet(situation.free)
        self._busy = fleet(situation.busy)
        free_at = self._busy.free_at
        # One that is overdue may be so for long: nothing is known of when it will be free.
        self._soon: Mask = (free_at > now) & (free_at <= now + rules.horizon_s)
        self._pool = nearest(situation.free, travel, now)
        self._sent: dict[str, Unit] = {}
        # The lowest standing of any that somebody was sent to.
        self._lowest = (0, False)
        self._holds: dict[str, Hold] = {}
        self._stuck: list[Waiting] = []
        # The needs that nobody who is sent to anyone suits.
        self._unsuited: set[Kind] = set()

    def plan(self) -> Plan:
        if len(self._queue) == 1 and not self._soon.any():
            proposals, refused = in_order(self._queue, self._pool)
            return Plan(tuple(proposals), tuple(refused))
        kinds = list(map(_needed, self._queue))
        helped = {
            kind: self._pool.any_suits(case)
            for kind, case in dict(zip(kinds, self._queue, strict=True)).items()
        }
        able: list[Waiting] = []
        for case, kind in zip(self._queue, kinds, strict=True):
            (able if helped[kind] else self._stuck).append(case)
        if able:
            self._match(able[: self._rules.batch], alone=len(able) == 1)
        refused = self._serve_the_rest(kinds, helped)
        sent = self._sent
        served = [case for case in self._queue if case.emergency in sent] if sent else []
        return Plan(
            tuple([self._proposal(case, sent[case.emergency]) for case in served]),
            tuple(refused),
            holds=tuple(self._holds.values()),
        )

    def _candidates(self, cases: Sequence[Waiting], *, alone: bool) -> list[int]:
        """The free units to match, as rows: for one emergency alone the nearest is enough."""
        if not alone:
            return self._free.in_order(self._free.suiting_any(cases))
        best = self._pool.soonest(cases[0])
        return [] if best is None else [self._free.at[best[1]]]

    def _match(self, cases: Sequence[Waiting], *, alone: bool) -> None:
        rules, now = self._rules, self._now
        units = self._candidates(cases, alone=alone)
        soon = self._busy.in_order(self._soon & self._busy.suiting_any(cases))
        free = len(units)
        left_s = self._busy.free_at[soon] - now
        delay = np.concatenate((np.zeros(free), left_s * (1.0 + rules.doubt) + rules.margin_s))
        origins = Origins(Of(self._free, units), Of(self._busy, soon, ends=True))
        ahead = able_ways(origins, cases, self._travel, now) + delay
        waited = np.maximum(0.0, now - np.array([case.raised_at for case in cases]))
        urgent = np.array([weight(self._class[case.emergency]) for case in cases])
        cost = urgent[:, None] * self._grown(waited[:, None] + ahead)
        pairs = cheapest(cost, urgent * self._grown(waited + rules.unserved_s))
        soonest_free = ahead[:, :free].min(axis=1, initial=np.inf)
        for row, column in pairs:
            case = cases[row]
            if column < free:
                self._send(case, self._free.units[units[column]])
            elif ahead[row, column] < soonest_free[row] < np.inf:
                self._hold(case, self._busy.units[soon[column - free]])

    def _grown(self, response_s: Array) -> Array:
        """What a response of so long costs: its length, and more the longer."""
        return response_s * (1.0 + response_s / (2.0 * self._rules.ripe_s))

    def _send(self, case: Waiting, unit: Unit) -> None:
        self._sent[case.emergency] = unit
        self._lowest = max(self._lowest, self._standing[case.emergency])
        self._unsuited.clear()
        self._pool.take(unit.unit)

    def _hold(self, case: Waiting, unit: Unit) -> None:
        own = self._class[case.emergency]
        if any(self._class[c.emergency] <= own and suits(unit, c) for c in self._stuck):
            return  # it will be needed for that one, whom nobody free can help
        until = case.raised_at + self._rules.hold_s[case.priority - 1]
        if until > self._now:
            self._holds[case.emergency] = Hold(
                case.emergency, unit.unit, until, "a unit that will soon be free is there sooner"
            )

    def _serve_the_rest(self, kinds: list[Kind], helped: dict[Kind, bool]) -> list[str]:
        """In the order of rank; returns whom every unit left that suits has refused.

        `helped`: by kind of needs, whether anybody free suits; none comes back to the pool.
        """
        refused: list[str] = []
        sent, holds = self._sent, self._holds
        for case, kind in zip(self._queue, kinds, strict=True):
            emergency = case.emergency
            if emergency in sent or emergency in holds:
                continue
            left = helped[kind] = helped[kind] and self._pool.any_suits(case)
            if left and (best := self._pool.soonest(case)) is not None:
                self._send(case, self._free.units[self._free.at[best[1]]])
            elif self._standing[emergency] < self._lowest and self._taken_from_a_lower(case, kind):
                continue
            elif left and case.refused_by:
                refused.append(emergency)
        return refused

    def _taken_from_a_lower(self, case: Waiting, kind: Kind) -> bool:
        """Send it what the matching would have sent to a lower standing, the lowest first."""
        if kind in self._unsuited:
            return False
        if not any(suits(unit, case) for unit in self._sent.values()):
            self._unsuited.add(kind)
            return False
        own, standing = self._standing[case.emergency], self._standing
        lower = [
            (tuple(map(neg, standing[emergency])), self._seconds(unit, case), unit.unit, emergency)
            for emergency, unit in self._sent.items()
            if standing[emergency] > own and unit.unit not in case.refused_by and suits(unit, case)
        ]
        if not lower:
            return False
        loser = min(lower)[3]
        self._sent[case.emergency] = self._sent.pop(loser)
        return True

    def _seconds(self, unit: Unit, case: Waiting) -> float:
        return self._travel.seconds(unit.location, case.location, self._now)

    def _proposal(self, case: Waiting, unit: Unit) -> Proposal:
        return Proposal(case.emergency, unit.unit, self._seconds(unit, case), "best for all")
