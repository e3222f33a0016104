"""`closest_idle`: first come, first served; to each the unit that is there soonest.

The published baseline, exactly as SCENARIO says: one queue in the order of arrival, whatever the
priority. Whoever waits at its head is served before anybody behind it, also when a unit is free
that only the latter could use. An emergency that every unit which suits has refused does not hold
up the others: it waits for its next round aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.backlog import by_age
from actors.domain.dispatch.greedy import in_order
from actors.domain.dispatch.nearest import nearest
from actors.domain.dispatch.situation import Part, Plan, Situation
from actors.domain.travel import TravelEstimate

_NOTHING = Plan()


@dataclass(frozen=True, slots=True)
class ClosestIdle:
    """See above. Equal travel times are decided by the unit's id, equal ages by the emergency's."""

    name: str = "closest_idle"
    wants: frozenset[Part] = frozenset()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        if not situation.free or not situation.waiting:
            return _NOTHING
        pool = nearest(situation.free, travel, situation.now)
        proposals, refused = in_order(by_age(situation.waiting), pool, head_blocks=True)
        return Plan(tuple(proposals), tuple(refused))
