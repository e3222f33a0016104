"""`priority`: the most urgent first, then the oldest; to each the unit that is there soonest.

Greedy in the order of rank, as dispatch desks do it by hand: the most urgent gets the closest, the
next what is left. A unit is never kept back for a more urgent call that may come. Waiting does not
raise an emergency's class, so a stream of urgent calls can starve the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.backlog import backlog
from actors.domain.dispatch.greedy import in_order, in_reach
from actors.domain.dispatch.nearest import nearest
from actors.domain.dispatch.situation import Part, Plan, Situation
from actors.domain.travel import TravelEstimate

_NOTHING = Plan()


@dataclass(frozen=True, slots=True)
class ByPriority:
    """See above. Equal travel times are decided by the unit's id."""

    name: str = "priority"
    wants: frozenset[Part] = frozenset()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        if not situation.free or not situation.waiting:
            return _NOTHING
        pool = nearest(situation.free, travel, situation.now)
        cases = situation.waiting
        queue = cases if len(cases) == 1 else in_reach(backlog(cases), pool)
        proposals, refused = in_order(queue, pool)
        return Plan(tuple(proposals), tuple(refused))
