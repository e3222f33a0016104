"""What every policy keeps to, whatever it prefers."""

from __future__ import annotations

from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch import Plan, Policy, Situation, suits
from actors.domain.dispatch.catalogue import POLICIES, policy_named
from actors.domain.dispatch.coverage import CoverageRules
from actors.domain.dispatch.lookahead import LookaheadRules
from actors.domain.dispatch.preemption import PreemptionRules
from actors.domain.dispatch.weights import urgency
from actors.domain.task import ON_THE_WAY
from actors.domain.travel import GreatCircle, TravelEstimate
from tests.unit.actors.domain.dispatch.situations import Winding, situations

Part = TypeVar("Part")
every_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
travels = st.sampled_from([GreatCircle(), Winding(), Winding(None)])
HOLD_S = LookaheadRules().hold_s


@every_policy
@settings(max_examples=40)
@given(situation=situations(), travel=travels)
def test_a_plan_is_sound(policy: Policy, situation: Situation, travel: TravelEstimate) -> None:
    plan = policy.plan(situation, travel)
    cases = {case.emergency: case for case in situation.waiting}
    free = {unit.unit: unit for unit in situation.free}
    busy = {unit.unit: unit for unit in situation.busy}
    told = [
        *(p.emergency for p in plan.proposals),
        *(p.emergency for p in plan.preemptions),
        *(h.emergency for h in plan.holds),
        *plan.refused,
    ]
    used = [
        *(p.unit for p in plan.proposals),
        *(p.unit for p in plan.preemptions),
        *(m.unit for m in plan.moves),
    ]
    assert len(set(told)) == len(told), "an emergency is decided about once"
    assert len(set(used)) == len(used), "a unit is used once"
    assert set(told) <= set(cases)
    for proposal in plan.proposals:
        case, unit = cases[proposal.emergency], free[proposal.unit]
        assert suits(unit, case) and unit.unit not in case.refused_by
        assert proposal.eta_s == travel.seconds(unit.location, case.location, situation.now)
    for taken in plan.preemptions:
        case, crew = cases[taken.emergency], busy[taken.unit]
        assert suits(crew, case) and crew.unit not in case.refused_by
        assert crew.step in ON_THE_WAY and urgency(crew, situation.now) > case.priority
        assert crew.preempted < PreemptionRules().limit and crew.emergency == taken.from_emergency
        assert taken.eta_s == travel.seconds(crew.location, case.location, situation.now)
    for hold in plan.holds:
        case = cases[hold.emergency]
        if hold.unit in free:  # to see first who goes to those whose unit is taken
            assert plan.preemptions and suits(free[hold.unit], case)
            assert hold.unit not in case.refused_by and hold.until == situation.now
            continue
        assert suits(busy[hold.unit], case) and hold.unit not in case.refused_by
        assert situation.now < hold.until <= case.raised_at + HOLD_S[case.priority - 1]
    stations = {station.id for station in situation.stations}
    for move in plan.moves:
        assert move.unit in free and move.station in stations
        assert free[move.unit].station != move.station
    assert len(plan.moves) <= CoverageRules().moves


@every_policy
@settings(max_examples=40)
@given(situation=situations(), random=st.randoms(use_true_random=False), travel=travels)
def test_a_plan_does_not_depend_on_the_order_of_what_is_shown(
    policy: Policy, situation: Situation, random: Random, travel: TravelEstimate
) -> None:
    def shuffled(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(random.sample(parts, len(parts)))

    # Not the demand: it is ranked, heaviest first.
    again = replace(
        situation,
        waiting=shuffled(situation.waiting),
        free=shuffled(situation.free),
        busy=shuffled(situation.busy),
        stations=shuffled(situation.stations),
    )
    assert as_sets(policy.plan(again, travel)) == as_sets(policy.plan(situation, travel))


@every_policy
@settings(max_examples=40)
@given(situation=situations())
def test_nobody_waits_whom_a_unit_left_idle_could_serve(
    policy: Policy, situation: Situation
) -> None:
    plan = policy.plan(situation, GreatCircle())
    served = {p.emergency for p in plan.proposals} | {p.emergency for p in plan.preemptions}
    excused = served | {hold.emergency for hold in plan.holds}
    asked = {p.unit for p in plan.proposals}
    # A unit whose emergency got a better one by preemption stays free for the next plan.
    if plan.preemptions:
        return
    behind_the_head = False
    for case in sorted(situation.waiting, key=lambda case: case.age):
        if case.emergency in excused:
            continue
        able = [u for u in situation.free if u.unit not in asked and suits(u, case)]
        willing = [u for u in able if u.unit not in case.refused_by]
        assert behind_the_head or not willing
        if policy.name == "closest_idle" and case.emergency not in plan.refused:
            behind_the_head = True  # its one queue: whoever is behind waits too


@every_policy
@settings(max_examples=40)
@given(situation=situations())
def test_no_unit_goes_to_a_lower_class_while_a_higher_that_it_suits_gets_none(
    policy: Policy, situation: Situation
) -> None:
    plan = policy.plan(situation, GreatCircle())
    excused = {p.emergency for p in plan.proposals} | {p.emergency for p in plan.preemptions}
    excused |= {hold.emergency for hold in plan.holds}
    cases = {case.emergency: case for case in situation.waiting}
    free = {unit.unit: unit for unit in situation.free}
    aged = policy.name in {"lookahead", "preemptive_lookahead", "combined"}
    for case in situation.waiting:
        if case.emergency in excused:
            continue
        for proposal in plan.proposals:
            other, unit = cases[proposal.emergency], free[proposal.unit]
            if not suits(unit, case) or unit.unit in case.refused_by:
                continue
            if policy.name == "closest_idle":
                assert other.age < case.age
            elif aged:
                assert urgency(other, situation.now) <= urgency(case, situation.now)
            else:
                assert other.rank < case.rank


def test_a_policy_is_found_by_its_name() -> None:
    assert all(policy_named(name).name == name for name in POLICIES)
    with pytest.raises(ValueError, match="closest_idle, priority"):
        policy_named("nearest")


def as_sets(plan: Plan) -> tuple[frozenset[object], ...]:
    return tuple(
        frozenset(part)
        for part in (plan.proposals, plan.refused, plan.preemptions, plan.moves, plan.holds)
    )
