"""Whose unit was taken is the first of its class, in every policy that knows classes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.dispatch import Policy, Situation, Waiting, suits
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.travel import GreatCircle
from tests.unit.actors.domain.dispatch.situations import NOW, situations, waiting

RANKED = [policy for policy in POLICIES.values() if policy.name != "closest_idle"]
every_policy = pytest.mark.parametrize("policy", RANKED, ids=[policy.name for policy in RANKED])
BY_AGE = {"lookahead", "preemptive_lookahead", "combined"}
QUARTER_S = 900.0


def class_of(case: Waiting, policy: Policy) -> int:
    """Raised by one for each quarter of an hour, to 2 at most, where the policy does that."""
    if policy.name not in BY_AGE or case.priority <= 2:
        return case.priority
    return max(2, case.priority - int((NOW - case.raised_at) // QUARTER_S))


@given(st.lists(waiting, max_size=8, unique_by=lambda case: case.emergency))
def test_by_rank_a_class_begins_with_those_whose_unit_was_taken(cases: list[Waiting]) -> None:
    ranked = sorted(cases, key=lambda case: case.rank)
    expected: list[Waiting] = []
    for priority in range(1, 5):
        of_class = [case for case in cases if case.priority == priority]
        of_class.sort(key=lambda case: (case.raised_at, case.emergency))
        expected += [case for case in of_class if case.preempted]
        expected += [case for case in of_class if not case.preempted]
    assert ranked == expected


@every_policy
@settings(max_examples=40)
@given(situation=situations())
def test_a_plan_proposes_in_the_order_of_rank(policy: Policy, situation: Situation) -> None:
    """A crew is asked for the first of them first: what comes of that, the rest may hang on."""
    cases = {case.emergency: case for case in situation.waiting}
    served = [cases[p.emergency] for p in policy.plan(situation, GreatCircle()).proposals]
    assert served == sorted(
        served,
        key=lambda c: (class_of(c, policy), not c.preempted, c.raised_at, c.emergency),
    )


@every_policy
@settings(max_examples=80)
@given(situation=situations(max_free=4))
def test_nobody_of_its_class_gets_a_unit_that_it_could_have(
    policy: Policy, situation: Situation
) -> None:
    plan = policy.plan(situation, GreatCircle())
    excused = {p.emergency for p in plan.proposals} | {p.emergency for p in plan.preemptions}
    excused |= {hold.emergency for hold in plan.holds}
    cases = {case.emergency: case for case in situation.waiting}
    free = {unit.unit: unit for unit in situation.free}
    for case in situation.waiting:
        if not case.preempted or case.emergency in excused:
            continue
        for proposal in plan.proposals:
            other, unit = cases[proposal.emergency], free[proposal.unit]
            if suits(unit, case) and unit.unit not in case.refused_by:
                lower = class_of(other, policy) > class_of(case, policy)
                fresh = class_of(other, policy) == class_of(case, policy) and not other.preempted
                assert not lower and not fresh
