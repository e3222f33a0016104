"""What a plan has sent stays sent: asked again with nothing new known, a policy takes nobody back.

A crew that is sent and turned round at once has learnt that its orders mean nothing, and two
patients have been promised somebody. So whatever a plan comes to is done here, and the policy is
asked again at the same moment, until it has no more to propose.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch import BusyUnit, FreeUnit, Plan, Policy, Situation, Waiting, suits
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.travel import GreatCircle, TravelEstimate
from tests.unit.actors.domain.dispatch.situations import Winding, situations, waiting

every_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
travels = st.sampled_from([GreatCircle(), Winding(), Winding(None)])
# What the emergencies are like that units are busy with: as many as there may be units.
engaged = st.lists(waiting, min_size=8, max_size=8)
ON_SCENE_S = 900.0
# More than enough for each emergency to be given a unit, lose it, and get another.
ROUNDS = 60


class Region:
    """A situation that plans are done in."""

    def __init__(self, situation: Situation, engaged: list[Waiting]) -> None:
        self.situation = situation
        self.sent: dict[str, str] = {}
        self._cases = {case.emergency: case for case in situation.waiting}
        for unit, like in zip(situation.busy, engaged, strict=False):
            case = replace(
                like,
                emergency=unit.emergency,
                priority=unit.priority,
                raised_at=unit.raised_at,
                location=unit.target,
                refused_by=tuple(id_ for id_ in like.refused_by if id_ != unit.unit),
                preempted=unit.preempted,
            )
            if not suits(unit, case):
                case = replace(case, needs=(), vehicles=())
            self._cases[case.emergency] = case

    def follow(self, plan: Plan) -> None:
        """Everybody goes where they are sent."""
        everybody: list[FreeUnit | BusyUnit] = [*self.situation.free, *self.situation.busy]
        units = {unit.unit: unit for unit in everybody}
        for taken in plan.preemptions:
            left = self._cases[taken.from_emergency]
            left = replace(left, preempted=left.preempted + 1)
            self._cases[left.emergency] = left
            self.situation = replace(self.situation, waiting=(*self.situation.waiting, left))
        asked = [(p.unit, p.emergency, p.eta_s) for p in plan.proposals]
        asked += [(p.unit, p.emergency, p.eta_s) for p in plan.preemptions]
        for unit, emergency, eta_s in asked:
            self._send(units[unit], self._cases[emergency], eta_s)

    def _send(self, unit: FreeUnit | BusyUnit, case: Waiting, eta_s: float) -> None:
        now = self.situation
        self.sent[unit.unit] = case.emergency
        busy = BusyUnit(
            unit=unit.unit,
            location=unit.location,
            skills=unit.skills,
            vehicle=unit.vehicle,
            emergency=case.emergency,
            priority=case.priority,
            raised_at=case.raised_at,
            target=case.location,
            step="accepted",
            preempted=case.preempted,
            free_at=now.now + eta_s + ON_SCENE_S,
            free_where=case.location,
        )
        self.situation = replace(
            now,
            waiting=tuple(one for one in now.waiting if one.emergency != case.emergency),
            free=tuple(one for one in now.free if one.unit != unit.unit),
            busy=(*(one for one in now.busy if one.unit != unit.unit), busy),
        )


@every_policy
@settings(max_examples=40)
@given(situation=situations(), engaged=engaged, travel=travels)
def test_nobody_is_taken_back_who_was_sent_at_the_same_moment(
    policy: Policy,
    situation: Situation,
    engaged: list[Waiting],
    travel: TravelEstimate,
) -> None:
    region = Region(situation, engaged)
    for _ in range(ROUNDS):
        plan = policy.plan(region.situation, travel)
        for taken in plan.preemptions:
            assert taken.unit not in region.sent, "sent and taken back, with nothing new known"
        if not plan.proposals and not plan.preemptions:
            return
        region.follow(plan)
    raise AssertionError("it never comes to rest")
