"""`combined`: lookahead's matching, preemption where it is worth it, and idle units relocated.

The three are about different moments, and each is described where it stands: lookahead.py decides
for those who wait, preemption.py takes back what was decided before somebody more urgent called,
coverage.py's moves prepare for the calls to come. Nobody is sent a farther unit for the sake of
cover, since the moves restore it.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from actors.domain.dispatch.coverage import CoverageRules, relocations
from actors.domain.dispatch.lookahead import Lookahead
from actors.domain.dispatch.preemption import PreemptionRules, with_preemptions
from actors.domain.dispatch.situation import Part, Plan, Situation
from actors.domain.travel import TravelEstimate

_MATCHING = Lookahead()
_TAKING = PreemptionRules()
_STANDING = CoverageRules()


@dataclass(frozen=True, slots=True)
class Combined:
    """See above."""

    name: str = "combined"
    wants: frozenset[Part] = frozenset({"busy", "stations", "demand"})
    matching: Lookahead = _MATCHING
    taking: PreemptionRules = _TAKING
    standing: CoverageRules = _STANDING

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        plan = self.matching.plan(situation, travel)
        plan = with_preemptions(plan, situation, travel, self.taking)
        return replace(plan, moves=relocations(situation, plan, travel, self.standing))
