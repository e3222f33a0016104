"""`closest_idle`: first come, first served; to each the unit that is there soonest.

The published baseline, exactly as SCENARIO says: one queue in the order of arrival, whatever the
priority. Whoever waits at its head is served before anybody behind it, also when a unit is free
that only the latter could use. An emergency that every unit which suits has refused does not hold
up the others: it waits for its next round aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.priority import soonest
from actors.domain.dispatch.situation import Plan, Proposal, Situation
from actors.domain.dispatch.suitability import suits
from actors.domain.travel import TravelEstimate


@dataclass(frozen=True, slots=True)
class ClosestIdle:
    """See above. Equal travel times are decided by the unit's id."""

    name: str = "closest_idle"

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        free = {unit.unit: unit for unit in situation.free}
        proposals: list[Proposal] = []
        refused: list[str] = []
        for case in sorted(situation.waiting, key=lambda case: case.age):
            able = [unit for unit in free.values() if suits(unit, case)]
            willing = [unit for unit in able if unit.unit not in case.refused_by]
            if willing:
                eta_s, unit_id = soonest(willing, case, situation.now, travel)
                proposals.append(Proposal(case.emergency, unit_id, eta_s))
                del free[unit_id]
            elif able:
                refused.append(case.emergency)
            else:
                break
        return Plan(tuple(proposals), tuple(refused))
