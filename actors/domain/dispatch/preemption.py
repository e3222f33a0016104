"""Taking a unit that is still on its way to one emergency for a more urgent one.

What it does. Given any policy's plan, each emergency that waits, in the order of rank, is compared
with what it would get: the unit proposed, or else the first that is expected to be free. Where a
unit on its way to something at least `gap` classes lower would be there at least `gain_s` sooner,
and the weighted seconds won outweigh those that the other loses (`worth` times over, with
`upset_s` for the turning round), it is taken. The other goes back to the head of its class, and
what was proposed to the more urgent one is free for it in the next plan.

Why. Diverting an ambulance to a higher priority is everyday practice and wins most where units
are scarce; its cost is the diverted patient's, so both sides are weighed.

No thrashing. Only to a higher class, so that a chain is no longer than there are classes; from no
emergency more than `limit` times; and never for a few seconds (`gain_s`), since estimates differ by
more from one second to the next. A crew that has arrived is never taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from operator import itemgetter

import numpy as np
from msgspec.structs import replace

from actors.domain.dispatch.backlog import backlog
from actors.domain.dispatch.fleet import Rows, fleet
from actors.domain.dispatch.nearest import Nearest, nearest
from actors.domain.dispatch.situation import (
    BusyUnit,
    Plan,
    Preemption,
    Situation,
    Waiting,
)
from actors.domain.dispatch.table import Of, Origins, able_ways
from actors.domain.dispatch.weights import weight
from actors.domain.places import Array
from actors.domain.travel import TravelEstimate

# The table of ways and the estimate itself may differ by so much.
_ROUNDING_S = 1e-3
_first_two = itemgetter(0, 1)
# The least cost it can come to, the unit, and what a second of its emergency's loss is worth.
_Option = tuple[float, str, BusyUnit, float]


@dataclass(frozen=True, slots=True)
class PreemptionRules:
    """`gap`: classes between the two. `gain_s`: the least that the more urgent one must win.
    `worth`: how many times the weighted gain must outweigh the loss. `upset_s`: added to the
    loss. `limit`: how often a unit may be taken from one emergency. `unknown_s`: the wait expected
    where nobody who suits is expected to be free, and the longest. `cases`: the most emergencies,
    by rank, that one plan looks for units for, and `looks`: the nearest units weighed for each;
    both only bound the time to decide.
    """

    gap: int = 1
    gain_s: float = 120.0
    worth: float = 1.0
    upset_s: float = 60.0
    limit: int = 2
    unknown_s: float = 1800.0
    cases: int = 8
    looks: int = 5


def with_preemptions(
    plan: Plan, situation: Situation, travel: TravelEstimate, rules: PreemptionRules
) -> Plan:
    """The plan, with preemptions in place of what they make better."""
    if not situation.waiting:
        return plan
    busy = fleet(situation.busy)
    takeable = ((busy.coming > 0.0) & (busy.preempted < rules.limit)).nonzero()[0]
    if not len(takeable):
        return plan
    below = busy.priority.max() - rules.gap
    eta_s = {proposal.emergency: proposal.eta_s for proposal in plan.proposals}
    # Whoever is reached soon anyway has too little to win.
    gain_s, unknown_s = rules.gain_s, rules.unknown_s
    urgent = (
        case
        for case in backlog(situation.waiting).by_rank(last=below)
        if eta_s.get(case.emergency, unknown_s) >= gain_s
    )
    cases = list(islice(urgent, rules.cases))
    if not cases:
        return plan
    return _Diverting(cases, takeable, plan, situation, travel, rules).plan()


class _Diverting:
    def __init__(
        self,
        cases: Sequence[Waiting],
        takeable: Rows,
        plan: Plan,
        situation: Situation,
        travel: TravelEstimate,
        rules: PreemptionRules,
    ) -> None:
        self._plan = plan
        self._now = situation.now
        self._travel = travel
        self._rules = rules
        self._cases = cases
        self._busy = fleet(situation.busy)
        self._takeable = takeable
        self._proposed = {proposal.emergency: proposal for proposal in plan.proposals}
        self._situation = situation
        self._replaced_s: dict[str, float] = {}
        self._pool: Nearest | None = None
        self._found: dict[str, Preemption] = {}
        self._taken: set[str] = set()

    def plan(self) -> Plan:
        otherwise_s, ways = self._looked_at()
        looks = min(self._rules.looks, ways.shape[1])
        farthest = np.partition(ways, looks - 1, axis=1)[:, looks - 1]
        latest = np.array(otherwise_s) - self._rules.gain_s + _ROUNDING_S
        near: list[list[tuple[float, str, BusyUnit]]] = [[] for _ in self._cases]
        found = (ways <= np.minimum(farthest, latest)[:, None]).nonzero()
        columns = self._takeable[found[1]].tolist()
        for row, column, way_s in zip(
            found[0].tolist(), columns, ways[found].tolist(), strict=True
        ):
            unit = self._busy.units[column]
            assert isinstance(unit, BusyUnit)
            near[row].append((way_s, unit.unit, unit))
        for row, some in enumerate(near):
            if len(some) > looks:  # as near as the last that is looked at: ids decide
                near[row] = sorted(some, key=_first_two)[:looks]
        worth = [
            self._worth(case, otherwise_s[row], near[row]) for row, case in enumerate(self._cases)
        ]
        # Most often the first two of each decide: one look for all of them.
        first = {unit.unit: unit for options in worth for _, _, unit, _ in options[:2]}
        self._look_for_others(list(first.values()))
        for row, case in enumerate(self._cases):
            self._consider(case, otherwise_s[row], worth[row])
        return self._result()

    def _worth(
        self, case: Waiting, otherwise_s: float, near: Sequence[tuple[float, str, BusyUnit]]
    ) -> list[_Option]:
        """What each can win at most, before its way and the loss are looked at closely."""
        rules = self._rules
        urgent = weight(case.priority)
        worth: list[_Option] = []
        for way_s, id_, unit in near:
            if unit.priority - case.priority < rules.gap:
                continue
            price = rules.worth * weight(unit.priority)
            most = urgent * (otherwise_s - way_s + _ROUNDING_S) - price * rules.upset_s
            if most > 0.0:
                worth.append((-most, id_, unit, price))
        worth.sort(key=_first_two)
        return worth

    def _consider(self, case: Waiting, otherwise_s: float, worth: Sequence[_Option]) -> None:
        """Take the unit for it that is worth most, if one is worth it at all."""
        rules = self._rules
        urgent = weight(case.priority)
        best: tuple[float, float, str] | None = None
        source: BusyUnit | None = None
        for least, id_, unit, price in worth:
            if best is not None and least > best[0]:
                break
            if id_ in self._taken:
                continue
            eta_s = self._travel.seconds(unit.location, case.location, self._now)
            gain_s = otherwise_s - eta_s
            if gain_s < rules.gain_s:
                continue
            won = urgent * gain_s - price * self._loss(unit, case)
            if won > 0 and (best is None or (-won, eta_s, id_) < best):
                best, source = (-won, eta_s, id_), unit
        if best is not None and source is not None:
            reason = f"{otherwise_s - best[1]:.0f} s sooner, from priority {source.priority}"
            self._found[case.emergency] = Preemption(
                source.unit, source.emergency, case.emergency, best[1], reason
            )
            self._taken.add(source.unit)

    def _result(self) -> Plan:
        plan = self._plan
        if not self._found:
            return plan
        return replace(
            plan,
            proposals=tuple(p for p in plan.proposals if p.emergency not in self._found),
            refused=tuple(e for e in plan.refused if e not in self._found),
            holds=tuple(hold for hold in plan.holds if hold.emergency not in self._found),
            preemptions=tuple(self._found.values()),
        )

    def _looked_at(self) -> tuple[list[float], Array]:
        """For each case the seconds until somebody is there without a preemption; and the ways of
        those that may be taken."""
        unknown_s, busy = self._rules.unknown_s, self._busy
        left_s = np.maximum(0.0, busy.free_at - self._now)
        soon = (left_s < unknown_s).nonzero()[0]
        origins = Origins(Of(busy, soon, ends=True), Of(busy, self._takeable))
        ways = able_ways(origins, self._cases, self._travel, self._now)
        until = ways[:, : len(soon)] + left_s[soon]
        otherwise_s: list[float] = until.min(axis=1, initial=unknown_s).tolist()
        for row, case in enumerate(self._cases):
            if (proposal := self._proposed.get(case.emergency)) is not None:
                otherwise_s[row] = proposal.eta_s
        return otherwise_s, ways[:, len(soon) :]

    def _loss(self, unit: BusyUnit, case: Waiting) -> float:
        """Seconds that the emergency loses which the unit is taken from."""
        seconds, now = self._travel.seconds, self._now
        ways: list[float] = []
        proposal = self._proposed.get(case.emergency)
        if proposal is not None:
            crew = fleet(self._situation.free)
            ways.append(seconds(crew.units[crew.at[proposal.unit]].location, unit.target, now))
        if unit.unit not in self._replaced_s:
            self._look_for_others([unit])
        if (replaced_s := self._replaced_s[unit.unit]) < inf:
            ways.append(replaced_s)
        if not ways:
            ways.append(self._rules.unknown_s)
        left_s = seconds(unit.location, unit.target, now)
        return max(0.0, min(ways) - left_s) + self._rules.upset_s

    def _look_for_others(self, units: Sequence[BusyUnit]) -> None:
        """How soon the nearest idle unit would be there instead of each.

        What is needed there is not known here: whoever is nearest stands for the one who would go.
        """
        if self._pool is None:
            self._pool = nearest(self._situation.free, self._travel, self._now)
            for proposal in self._plan.proposals:
                self._pool.take(proposal.unit)
        seconds = self._pool.seconds_each([unit.target for unit in units])
        self._replaced_s.update(zip([unit.unit for unit in units], seconds, strict=True))
