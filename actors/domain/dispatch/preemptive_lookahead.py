"""`preemptive_lookahead`: lookahead's matching, then preemption where it is worth it.

The two are about different moments: lookahead decides for those who wait, preemption takes back
what was decided before somebody more urgent called. See lookahead.py and preemption.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.domain.dispatch.lookahead import Lookahead
from actors.domain.dispatch.preemption import PreemptionRules, with_preemptions
from actors.domain.dispatch.situation import Part, Plan, Situation
from actors.domain.travel import TravelEstimate

_MATCHING = Lookahead()
_TAKING = PreemptionRules()


@dataclass(frozen=True, slots=True)
class PreemptiveLookahead:
    """See above."""

    name: str = "preemptive_lookahead"
    wants: frozenset[Part] = frozenset({"busy"})
    matching: Lookahead = _MATCHING
    taking: PreemptionRules = _TAKING

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        plan = self.matching.plan(situation, travel)
        return with_preemptions(plan, situation, travel, self.taking)
