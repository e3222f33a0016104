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
and that did not refuse it gets none, unless the latter is held. Nobody is held for a unit that
somebody as urgent will need whom nobody free can help, nor where that would be so as soon as those
are gone who are sent: it would want one of them back. A hold is for the first seconds of a call's
life only (`hold_s`), and for priority 1 the shortest: an estimate must not cost a life. The cost
grows faster than the wait, so that the oldest of a class cannot be passed over for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, islice
from math import inf
from operator import neg
from typing import NamedTuple

import numpy as np

from actors.domain.dispatch.backlog import backlog
from actors.domain.dispatch.fleet import Kind, Mask, Rows, Unit, fleet
from actors.domain.dispatch.greedy import in_order
from actors.domain.dispatch.matching import cheapest
from actors.domain.dispatch.nearest import nearest
from actors.domain.dispatch.situation import (
    Hold,
    Part,
    Plan,
    Proposal,
    Situation,
    Waiting,
    rank_of,
)
from actors.domain.dispatch.suitability import suits
from actors.domain.dispatch.table import Of, Origins, able_ways
from actors.domain.dispatch.weights import weight
from actors.domain.places import Array
from actors.domain.travel import TravelEstimate

_NOTHING = Plan()
# The table of ways and the estimate itself may differ by so much.
_ROUNDING_S = 1e-3


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
        unheld: set[str] = set()
        while True:
            batch = _Batch(self.rules, situation, travel, unheld)
            plan = batch.plan()
            ended = batch.short_lived()
            if not ended:
                return plan
            unheld |= ended


class _Sent(NamedTuple):
    """Who is sent to whom, and of which class that one is."""

    case: Waiting
    class_: int
    unit: Unit

    @property
    def standing(self) -> tuple[int, bool]:
        """Whom nobody lower may get a unit before: classes, and in each those whom a unit has
        left."""
        return self.class_, self.case.preempted == 0


class _Batch:
    """One plan in the making. `unheld`: who is not to be held."""

    def __init__(
        self,
        rules: LookaheadRules,
        situation: Situation,
        travel: TravelEstimate,
        unheld: Set[str] = frozenset(),
    ) -> None:
        self._rules = rules
        self._unheld = unheld
        now = self._now = situation.now
        self._backlog = backlog(situation.waiting)
        self._travel = travel
        self._free = fleet(situation.free)
        self._busy = fleet(situation.busy)
        free_at = self._busy.free_at
        # One that is overdue may be so for long: nothing is known of when it will be free.
        self._soon: Mask = (free_at > now) & (free_at <= now + rules.horizon_s)
        self._pool = nearest(situation.free, travel, now)
        self._sent: dict[str, _Sent] = {}
        # The lowest standing of any that somebody is sent to.
        self._lowest = (0, False)
        # Who is held, of which class, and the unit that will be sent.
        self._holds: dict[str, _Sent] = {}
        # The needs that somebody free suits, and that nobody does who is sent to anyone.
        self._helped: set[Kind] = set()
        self._unsuited: set[Kind] = set()

    def plan(self) -> Plan:
        cases = self._backlog.cases
        if len(cases) == 1 and not self._soon.any():
            proposals, refused = in_order(cases, self._pool)
            return Plan(tuple(proposals), tuple(refused))
        kinds = self._backlog.kinds
        # The others wait whatever is decided: whoever is sent to anyone is free now.
        self._helped = {kind for kind, case in kinds.items() if self._pool.any_suits(case)}
        if not self._helped:
            return _NOTHING
        # Those whom somebody free suits, with their classes, in the order of rank.
        queue = self._backlog.by_urgency(self._now, self._helped)
        first = list(islice(queue, max(self._rules.batch, 2)))
        self._match(first[: self._rules.batch], alone=len(first) == 1)
        refused = self._serve_the_rest(chain(first, queue))
        served = sorted(self._sent.values(), key=_rank)
        return Plan(
            tuple([self._proposal(sent.case, sent.unit) for sent in served]),
            tuple(refused),
            holds=tuple([self._kept_for(held.case, held.unit) for held in self._holds.values()]),
        )

    def _match(self, batch: Sequence[tuple[int, Waiting]], *, alone: bool) -> None:
        """Of the free units all that suit are matched; for one emergency alone, the nearest."""
        cases = [case for _, case in batch]
        rules, now = self._rules, self._now
        soon = self._soon & self._busy.suiting_any(cases)
        if not alone:
            units = self._free.in_order(self._free.suiting_any(cases))
        elif (best := self._pool.soonest(cases[0])) is None:
            units = np.empty(0, dtype=np.intp)
        else:
            row = self._free.at[best[1]]
            least_s = (self._busy.free_at - now) * (1.0 + rules.doubt) + rules.margin_s
            if not (soon & (least_s < best[0] + _ROUNDING_S)).any():
                # Whatever the ways of the busy ones, it is there before them.
                self._send(cases[0], batch[0][0], self._free.units[row])
                return
            units = np.array([row])
        self._match_with(batch, cases, units, self._busy.in_order(soon))

    def _match_with(
        self,
        batch: Sequence[tuple[int, Waiting]],
        cases: Sequence[Waiting],
        units: Rows,
        soon: Rows,
    ) -> None:
        rules, now = self._rules, self._now
        free = len(units)
        left_s = self._busy.free_at[soon] - now
        delay = np.concatenate((np.zeros(free), left_s * (1.0 + rules.doubt) + rules.margin_s))
        origins = Origins(Of(self._free, units), Of(self._busy, soon, ends=True))
        ahead = able_ways(origins, cases, self._travel, now) + delay
        # Nobody is to be kept waiting for these.
        if self._unheld:
            ahead[[case.emergency in self._unheld for case in cases], free:] = np.inf
        classes = np.array([class_ for class_, _ in batch])
        for kind, highest in self._stuck(self._helped):
            needed = self._busy.suiting(self._backlog.kinds[kind])[soon].nonzero()[0]
            ahead[np.ix_(classes >= highest, free + needed)] = np.inf
        waited = np.maximum(0.0, now - np.array([case.raised_at for case in cases]))
        urgent = np.array([weight(class_) for class_, _ in batch])
        cost = urgent[:, None] * self._grown(waited[:, None] + ahead)
        pairs = cheapest(cost, urgent * self._grown(waited + rules.unserved_s))
        soonest_free = ahead[:, :free].min(axis=1, initial=np.inf).tolist()
        for row, column in pairs:
            class_, case = batch[row]
            if column < free:
                self._send(case, class_, self._free.units[units[column]])
            elif ahead[row, column] < soonest_free[row] < np.inf:
                self._hold(case, class_, self._busy.units[soon[column - free]])

    def _grown(self, response_s: Array) -> Array:
        """What a response of so long costs: its length, and more the longer."""
        return response_s * (1.0 + response_s / (2.0 * self._rules.ripe_s))

    def _send(self, case: Waiting, class_: int, unit: Unit) -> None:
        sent = self._sent[case.emergency] = _Sent(case, class_, unit)
        self._lowest = max(self._lowest, sent.standing)
        self._unsuited.clear()
        self._pool.take(unit.unit)

    def _hold(self, case: Waiting, class_: int, unit: Unit) -> None:
        if self._kept_for(case, unit).until > self._now:
            self._holds[case.emergency] = _Sent(case, class_, unit)

    def _kept_for(self, case: Waiting, unit: Unit) -> Hold:
        until = case.raised_at + self._rules.hold_s[case.priority - 1]
        words = "a unit that will soon be free is there sooner"
        return Hold(case.emergency, unit.unit, until, words)

    def _stuck(self, helped: Set[Kind]) -> Iterator[tuple[Kind, float]]:
        """What those need whom nobody free can help, and the most urgent class of any of them."""
        for kind in self._backlog.kinds.keys() - helped:
            queue = self._backlog.by_urgency(self._now, (kind,))
            yield kind, next((c for c, case in queue if case.emergency not in self._sent), inf)

    def short_lived(self) -> set[str]:
        """Who is held, and would not be once those are gone who are sent."""
        if not self._holds:
            return set()
        kinds, pool = self._backlog.kinds, self._pool
        helped = {kind for kind in self._helped if pool.any_suits(kinds[kind])}
        stuck = list(self._stuck(helped))
        return {
            emergency
            for emergency, (case, class_, unit) in self._holds.items()
            if (case.needs, case.vehicles) in helped
            and any(suits(unit, kinds[kind]) and highest <= class_ for kind, highest in stuck)
        }

    def _serve_the_rest(self, queue: Iterable[tuple[int, Waiting]]) -> list[str]:
        """In the order of rank; returns whom every unit left that suits has refused."""
        refused: list[str] = []
        sent, holds, pool = self._sent, self._holds, self._pool
        left = set(self._helped)  # none comes back to the pool
        for class_, case in queue:
            if not len(pool):
                left.clear()
            standing = (class_, case.preempted == 0)
            if not left and standing >= self._lowest:
                break
            emergency, kind = case.emergency, (case.needs, case.vehicles)
            if emergency in sent or emergency in holds:
                continue
            if kind in left and not pool.any_suits(case):
                left.remove(kind)
            if kind in left and (best := pool.soonest(case)) is not None:
                self._send(case, class_, self._free.units[self._free.at[best[1]]])
            elif standing < self._lowest and self._taken_from_a_lower(case, class_, kind):
                self._lowest = max(other.standing for other in sent.values())
            elif kind in left and case.refused_by:
                refused.append(emergency)
        return refused

    def _taken_from_a_lower(self, case: Waiting, class_: int, kind: Kind) -> bool:
        """Send it what the matching would have sent to a lower standing, the lowest first."""
        if kind in self._unsuited:
            return False
        if not any(suits(sent.unit, case) for sent in self._sent.values()):
            self._unsuited.add(kind)
            return False
        own = (class_, case.preempted == 0)
        lower = [
            (tuple(map(neg, sent.standing)), self._seconds(sent.unit, case), sent.unit.unit, to)
            for to, sent in self._sent.items()
            if sent.standing > own
            and sent.unit.unit not in case.refused_by
            and suits(sent.unit, case)
        ]
        if not lower:
            return False
        loser = self._sent.pop(min(lower)[3])
        self._sent[case.emergency] = _Sent(case, class_, loser.unit)
        return True

    def _seconds(self, unit: Unit, case: Waiting) -> float:
        return self._travel.seconds(unit.location, case.location, self._now)

    def _proposal(self, case: Waiting, unit: Unit) -> Proposal:
        return Proposal(case.emergency, unit.unit, self._seconds(unit, case), "best for all")


def _rank(sent: _Sent) -> tuple[int, bool, float, str]:
    """Waiting.rank, by the class that it has."""
    case = sent.case
    return rank_of(sent.class_, case.preempted, case.raised_at, case.emergency)
