"""`priority`: the most urgent first, then the oldest; to each the unit that is there soonest."""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.situation import FreeUnit, Plan, Proposal, Situation, Waiting
from actors.domain.dispatch.suitability import suits
from actors.domain.travel import TravelEstimate


@dataclass(frozen=True, slots=True)
class ByPriority:
    """Greedy in the order of rank: the most urgent gets the closest, the next what is left.

    A unit is never kept back for a more urgent call that may come. Equal travel times are decided
    by the unit's id, so that a plan made again is the same plan.
    """

    name: str = "priority"

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        free = {unit.unit: unit for unit in situation.free}
        # Few kinds of needs, many emergencies: who could go is looked up once for each kind.
        able_for: dict[tuple[tuple[str, ...], tuple[str, ...]], list[FreeUnit]] = {}
        proposals: list[Proposal] = []
        refused: list[str] = []
        for case in sorted(situation.waiting, key=lambda case: case.rank):
            if not free:
                break
            kind = (case.needs, case.vehicles)
            if kind not in able_for:
                able_for[kind] = [unit for unit in situation.free if suits(unit, case)]
            able = [unit for unit in able_for[kind] if unit.unit in free]
            willing = [unit for unit in able if unit.unit not in case.refused_by]
            if willing:
                eta_s, unit_id = soonest(willing, case, situation.now, travel)
                proposals.append(Proposal(case.emergency, unit_id, eta_s))
                del free[unit_id]
            elif able:
                refused.append(case.emergency)
        return Plan(tuple(proposals), tuple(refused))


def soonest(
    units: list[FreeUnit], case: Waiting, now: float, travel: TravelEstimate
) -> tuple[float, str]:
    """The shortest travel time to the emergency, seconds, and whose; ties by the unit's id."""
    return min((travel.seconds(unit.location, case.location, now), unit.unit) for unit in units)
