"""Preemption decides what a look at each unit, one after the other, decides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from actors.domain.dispatch import BusyUnit, Plan, Preemption, Situation, Waiting, suits
from actors.domain.dispatch.lookahead import Lookahead
from actors.domain.dispatch.preemption import PreemptionRules, with_preemptions
from actors.domain.dispatch.weights import urgency, weight
from actors.domain.task import ON_THE_WAY
from actors.domain.travel import GreatCircle
from tests.unit.actors.domain.dispatch.situations import situations

SECONDS = GreatCircle().seconds


def plainly(plan: Plan, situation: Situation, rules: PreemptionRules) -> list[Preemption]:
    """preemption.py's docstring, word by word."""
    found: list[Preemption] = []
    wait: list[Waiting] = []
    proposed = {proposal.emergency: proposal for proposal in plan.proposals}
    urgent = sorted(
        (
            case
            for case in situation.waiting
            if any(u.priority - case.priority >= rules.gap for u in situation.busy)
        ),
        key=lambda case: case.rank,
    )
    for case in urgent[: rules.cases]:
        mine = proposed.get(case.emergency)
        otherwise_s = mine.eta_s if mine else first_free_s(case, situation, rules)
        able = [
            (SECONDS(unit.location, case.location), unit.unit, unit)
            for unit in situation.busy
            if able_to_leave(unit, rules) and willing(unit, case)
        ]
        options = []
        for eta_s, id_, unit in sorted(able, key=lambda row: row[:2])[: rules.looks]:
            gain_s = otherwise_s - eta_s
            if gain_s < rules.gain_s or not takeable(unit, case, situation, rules):
                continue
            if id_ in {taken.unit for taken in found}:
                continue
            left = [u for u in situation.busy if u.unit in {taken.unit for taken in found}]
            if taken_in_turn(unit, case, wait, left, situation, rules):
                continue
            loss_s = lost_s(unit, case, plan, situation, rules)
            price = rules.worth * weight(urgency(unit, situation.now))
            won = weight(case.priority) * gain_s - price * loss_s
            if won > 0.0:
                options.append((-won, eta_s, id_, unit.emergency))
        if options:
            _, eta_s, id_, source = min(options)
            found.append(Preemption(id_, source, case.emergency, eta_s, ""))
        elif mine is None:
            wait.append(case)
    return found


def able_to_leave(unit: BusyUnit, rules: PreemptionRules) -> bool:
    return unit.step in ON_THE_WAY and unit.preempted < rules.limit


def takeable(unit: BusyUnit, case: Waiting, situation: Situation, rules: PreemptionRules) -> bool:
    return urgency(unit, situation.now) - case.priority >= rules.gap


def taken_in_turn(
    unit: BusyUnit,
    case: Waiting,
    wait: list[Waiting],
    left: list[BusyUnit],
    situation: Situation,
    rules: PreemptionRules,
) -> bool:
    """Whether it could be taken from this one at once."""
    class_ = urgency(case, situation.now)
    return any(class_ - other.priority >= rules.gap for other in left) or any(
        class_ - other.priority >= rules.gap and willing(unit, other) for other in wait
    )


def willing(unit: BusyUnit, case: Waiting) -> bool:
    return suits(unit, case) and unit.unit not in case.refused_by


def first_free_s(case: Waiting, situation: Situation, rules: PreemptionRules) -> float:
    waits = [
        max(0.0, unit.free_at - situation.now) + SECONDS(unit.free_where, case.location)
        for unit in situation.busy
        if willing(unit, case)
    ]
    return min([rules.unknown_s, *waits])


def lost_s(
    unit: BusyUnit, case: Waiting, plan: Plan, situation: Situation, rules: PreemptionRules
) -> float:
    asked = {proposal.unit for proposal in plan.proposals}
    asked -= {p.unit for p in plan.proposals if p.emergency == case.emergency}
    idle = [SECONDS(u.location, unit.target) for u in situation.free if u.unit not in asked]
    replaced_s = min(idle, default=rules.unknown_s)
    return max(0.0, replaced_s - SECONDS(unit.location, unit.target)) + rules.upset_s


# Odd figures, and a look at all: where a gain is just enough, or two units are just as far, the
# last digits of a table and of a sum decide, and these differ.
@pytest.mark.parametrize(
    "rules",
    [
        PreemptionRules(gain_s=119.3, upset_s=61.7, looks=12),
        PreemptionRules(gain_s=9.3, upset_s=1.7, gap=2, looks=12),
    ],
    ids=["as usual", "for little"],
)
@settings(max_examples=100)
@given(situation=situations(8, 5, 12))
def test_it_takes_whom_a_plain_search_takes(rules: PreemptionRules, situation: Situation) -> None:
    plan = Lookahead().plan(situation, GreatCircle())
    found = with_preemptions(plan, situation, GreatCircle(), rules).preemptions
    plain = plainly(plan, situation, rules)
    assert [(p.unit, p.from_emergency, p.emergency, p.eta_s) for p in found] == [
        (p.unit, p.from_emergency, p.emergency, p.eta_s) for p in plain
    ]
