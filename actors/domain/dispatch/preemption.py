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

Who takes counts by its priority, who is left by its class as raised by age (weights.urgency): no
crew is turned round merely because somebody has waited long, and none is taken from one who has,
whom the next plan would rank before its taker.

What is sent stays sent while nothing new is known. So a unit is taken only for somebody from whom
nobody that waits or is left could take it in turn; and where units are taken, emergencies that a
proposed unit could be taken from are held until it is known who goes to those that were left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from operator import itemgetter

import numpy as np
from msgspec.structs import replace

from actors.domain.dispatch.backlog import backlog
from actors.domain.dispatch.fleet import Mask, Rows, fleet
from actors.domain.dispatch.situation import (
    BusyUnit,
    Hold,
    Plan,
    Preemption,
    Proposal,
    Situation,
    Waiting,
)
from actors.domain.dispatch.suitability import suits
from actors.domain.dispatch.table import Of, Origins, able_ways
from actors.domain.dispatch.weights import urgency, weight
from actors.domain.places import Array, Places
from actors.domain.travel import TravelEstimate

_first_two = itemgetter(0, 1)


# The least cost it can come to, the unit's id, its way, where it stands among the busy ones, and
# what a second of its emergency's loss is worth.
_Option = tuple[float, str, float, int, float]


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
    cases: int = 4
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
        self._takeable = takeable
        self._situation = situation
        self._proposed = {proposal.emergency: proposal.unit for proposal in plan.proposals}
        # Of units by their rows: how soon an idle one would be there instead, and how soon it is.
        self._others: dict[int, tuple[float, float]] = {}
        self._found: dict[str, Preemption] = {}
        # The units that are taken, by their rows, and the emergencies that wait all the same.
        self._taken: dict[int, BusyUnit] = {}
        self._passed: list[Waiting] = []

    def plan(self) -> Plan:
        otherwise_s, ways = self._looked_at()
        options = self._options(otherwise_s, ways)
        # Most often the first two of each decide: one look for all of them.
        self._look_for_others(dict.fromkeys([row for some in options for *_, row, _ in some[:2]]))
        for case, until_s, some in zip(self._cases, otherwise_s.tolist(), options, strict=True):
            row = self._best(case, until_s, some)
            if row is not None:
                unit = self._taken[row] = self._situation.busy[row]
                self._found[case.emergency] = self._taking(case, until_s, unit)
            elif case.emergency not in self._proposed:
                self._passed.append(case)
        return self._result() if self._found else self._plan

    def _result(self) -> Plan:
        plan, found = self._plan, self._found
        waiting = {case.emergency: case for case in self._situation.waiting}
        holds = [hold for hold in plan.holds if hold.emergency not in found]
        # Whoever is left may take a unit in turn, or counted on one that is taken.
        taken = {unit.unit for unit in self._taken.values()}
        counted = [waiting[hold.emergency].priority for hold in holds if hold.unit in taken]
        entitled = min([1 + self._rules.gap, *counted])
        stay: list[Proposal] = []
        for proposal in plan.proposals:
            if proposal.emergency in found:
                continue
            if urgency(waiting[proposal.emergency], self._now) - self._rules.gap < entitled:
                stay.append(proposal)
            else:
                emergency, unit = proposal.emergency, proposal.unit
                holds.append(Hold(emergency, unit, self._now, "first those whose unit is taken"))
        return replace(
            plan,
            proposals=tuple(stay),
            refused=tuple(e for e in plan.refused if e not in found),
            holds=tuple(holds),
            preemptions=tuple(found.values()),
        )

    def _is_for_another(self, unit: BusyUnit, case: Waiting) -> bool:
        """Whether somebody waits still, or is left, who might take the unit from this one."""
        lowest = urgency(case, self._now) - self._rules.gap
        return any(left.priority <= lowest for left in self._taken.values()) or any(
            other.priority <= lowest and suits(unit, other) and unit.unit not in other.refused_by
            for other in self._passed
        )

    def _options(self, otherwise_s: Array, ways: Array) -> list[list[_Option]]:
        """For each case those worth a closer look, the most promising first."""
        rules, cases, busy = self._rules, self._cases, self._situation.busy
        looks = min(rules.looks, ways.shape[1])
        farthest_s = np.partition(ways, looks - 1, axis=1)[:, looks - 1]
        near = ways <= np.minimum(farthest_s, otherwise_s - rules.gain_s)[:, None]
        number, column = near.nonzero()
        if len(number) > looks * len(cases):
            number, column = self._of_equals(near, ways)
        rows, ways_s = self._takeable[column].tolist(), ways[number, column]
        gains_s = (otherwise_s[number] - ways_s).tolist()
        gap, worth, upset_s, now = rules.gap, rules.worth, rules.upset_s, self._now
        found: list[list[_Option]] = [[] for _ in cases]
        for n, row, way_s, gain_s in zip(
            number.tolist(), rows, ways_s.tolist(), gains_s, strict=True
        ):
            unit, priority = busy[row], cases[n].priority
            left = urgency(unit, now)
            if left - priority >= gap:
                price = worth * weight(left)
                most = weight(priority) * gain_s - price * upset_s
                if most > 0.0:
                    found[n].append((-most, unit.unit, way_s, row, price))
        for some in found:
            some.sort(key=_first_two)
        return found

    def _best(self, case: Waiting, otherwise_s: float, options: Sequence[_Option]) -> int | None:
        """The row of the unit that is worth most of those that are left, if one is worth it."""
        urgent = weight(case.priority)
        best: tuple[float, float, str] | None = None
        found: int | None = None
        for least, id_, way_s, row, price in options:
            if best is not None and least > best[0]:
                break
            if row in self._taken or self._is_for_another(self._situation.busy[row], case):
                continue
            won = urgent * (otherwise_s - way_s) - price * self._loss(row, case, options)
            if won > 0.0 and (best is None or (-won, way_s, id_) < best):
                best, found = (-won, way_s, id_), row
        return found

    def _looked_at(self) -> tuple[Array, Array]:
        """For each case the seconds until somebody is there without a preemption; and the ways of
        those that may be taken."""
        unknown_s, busy = self._rules.unknown_s, fleet(self._situation.busy)
        left_s = np.maximum(0.0, busy.free_at - self._now)
        soon = (left_s < unknown_s).nonzero()[0]
        origins = Origins(Of(busy, soon, ends=True), Of(busy, self._takeable))
        ways = able_ways(origins, self._cases, self._travel, self._now)
        until = ways[:, : len(soon)] + left_s[soon]
        otherwise_s: Array = until.min(axis=1, initial=unknown_s)
        eta_s = {proposal.emergency: proposal.eta_s for proposal in self._plan.proposals}
        for number, case in enumerate(self._cases):
            if case.emergency in eta_s:
                otherwise_s[number] = eta_s[case.emergency]
        return otherwise_s, ways[:, len(soon) :]

    def _loss(self, row: int, case: Waiting, options: Sequence[_Option]) -> float:
        """Seconds that the emergency loses which the unit is taken from.

        Whoever was proposed to `case` is free for it, or whoever is idle and nearest.
        """
        if row not in self._others:
            self._look_for_others(dict.fromkeys([option[3] for option in options]))
        instead_s, left_s = self._others[row]
        proposed = self._proposed.get(case.emergency)
        if proposed is not None:
            free = fleet(self._situation.free)
            location = self._situation.free[free.at[proposed]].location
            target = self._situation.busy[row].target
            instead_s = min(instead_s, self._travel.seconds(location, target, self._now))
        if instead_s == inf:
            instead_s = self._rules.unknown_s
        return max(0.0, instead_s - left_s) + self._rules.upset_s

    def _look_for_others(self, rows: Collection[int]) -> None:
        """How soon the nearest idle unit would be there instead of each, and how soon each is.

        What is needed there is not known here: whoever is nearest stands for the one who would go.
        """
        if not rows:
            return
        busy, free = fleet(self._situation.busy), fleet(self._situation.free)
        idle = np.ones(len(free.units), dtype=np.bool_)
        idle[[free.at[unit] for unit in self._proposed.values()]] = False
        left = idle.nonzero()[0]
        origins = Origins(Of(free, left), Of(busy, list(rows)))
        targets = Places([self._situation.busy[row].target for row in rows])
        ways = self._travel.table(origins, targets, self._now)
        instead_s = ways[:, : len(left)].min(axis=1, initial=inf).tolist()
        left_s = ways[:, len(left) :].diagonal().tolist()
        self._others.update(zip(rows, zip(instead_s, left_s, strict=True), strict=True))

    def _of_equals(self, near: Mask, ways: Array) -> tuple[Rows, Rows]:
        """Cases and columns, where some are as near as the last that is looked at: ids decide."""
        near, busy = near.copy(), self._situation.busy
        for of, ways_s in zip(near, ways, strict=True):
            some = of.nonzero()[0].tolist()
            some.sort(key=lambda one: (ways_s[one], busy[self._takeable[one]].unit))
            of[some[self._rules.looks :]] = False
        number, column = near.nonzero()
        return number, column

    def _taking(self, case: Waiting, otherwise_s: float, unit: BusyUnit) -> Preemption:
        eta_s = self._travel.seconds(unit.location, case.location, self._now)
        reason = f"{otherwise_s - eta_s:.0f} s sooner, from priority {unit.priority}"
        return Preemption(unit.unit, unit.emergency, case.emergency, eta_s, reason)
