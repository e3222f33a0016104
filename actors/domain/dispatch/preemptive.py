"""`preemptive`: as `priority`, and a unit on its way may be taken for a more urgent emergency.

Who is served, and in which order, is priority.py's; when a unit is taken, preemption.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.preemption import PreemptionRules, with_preemptions
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatch.situation import Part, Plan, Situation
from actors.domain.travel import TravelEstimate

_BY_PRIORITY = ByPriority()
_TAKING = PreemptionRules()


@dataclass(frozen=True, slots=True)
class Preemptive:
    """See above."""

    name: str = "preemptive"
    wants: frozenset[Part] = frozenset({"busy"})
    rules: PreemptionRules = _TAKING

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        plan = _BY_PRIORITY.plan(situation, travel)
        return with_preemptions(plan, situation, travel, self.rules)
