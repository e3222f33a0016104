"""What the dispatch desk sees of a dispatcher, and orders it to do otherwise."""

from __future__ import annotations

from itertools import combinations

import pytest

from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatcher.commands import (
    ExplainCase,
    ListDuplicates,
    ListSuggestions,
    OverrideAssignment,
)
from actors.domain.dispatcher.events import OverrideLapsed, UnitTakenOver
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.kernel import DomainError
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import AcceptTask, TakeBreak
from actors.domain.registry import kinds
from actors.domain.travel import great_circle_m
from actors.domain.views.dispatcher import DuplicateList, SuggestionList
from actors.domain.views.emergency import ChoiceList
from tests.unit.actors.domain.cast import (
    SYSTEM,
    accept,
    asked,
    asked_among,
    crew,
    decline,
    north_of_centre,
    offers,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, World


def order(world: World, unit: str, emergency: str = "e", *, divert: bool = False) -> None:
    world.ask(
        DISPATCHER,
        OverrideAssignment(emergency=emergency, unit=unit, reason="knows them", divert=divert),
    )


def test_the_unit_that_was_asked_is_let_go_and_the_other_is_asked(world: World) -> None:
    asked_among(world, near=1, far=9)
    order(world, "far")
    world.settle()
    assert offers(world) == [("e", "near"), ("e", "far")]
    assert not world.unit("near").tasks
    choice = only_task(world, "far").choice
    assert choice is not None and (choice.by, choice.reason) == ("ops-1", "knows them")
    world.check_nothing_lost()
    world.check_replay()


def test_a_crew_that_accepted_just_before_goes(world: World) -> None:
    asked_among(world, near=1, far=9)
    order(world, "far")
    accept(world, "near")
    world.settle()
    assert world.emergency("e").unit == "near"
    assert not world.unit("far").tasks
    world.check_nothing_lost()


def test_a_declined_override_leaves_it_to_the_policy(world: World) -> None:
    asked_among(world, near=1, far=9)
    order(world, "far")
    world.settle()
    decline(world, "far")
    world.settle()
    assert offers(world)[-1] == ("e", "near")


def test_an_override_whose_unit_is_gone_by_then_lapses(world: World) -> None:
    asked_among(world, near=1, far=9)
    order(world, "far")
    world.ask(unit_ref("far"), TakeBreak(), crew("far"))
    # The break is known before the first unit has answered.
    world.bus.reverse()
    world.settle()
    assert [e.unit for e in world.events(DISPATCHER, OverrideLapsed)] == ["far"]
    assert world.dispatcher.cases["e"].wish is None
    world.check_nothing_lost()


def test_a_busy_unit_is_sent_only_if_that_is_confirmed(world: World) -> None:
    on_duty(world, "u", 1)
    raise_emergency(world, "e", 3, north_of_centre(20))
    world.settle()
    accept(world, "u")
    world.settle()
    raise_emergency(world, "f", 3)
    world.settle()
    with refused("unit_busy", "divert"):
        order(world, "u", "f")
    order(world, "u", "f", divert=True)
    world.settle()
    assert only_task(world, "u").emergency == "f"
    assert only_task(world, "u").step == "accepted"
    assert [e.from_emergency for e in world.events(DISPATCHER, UnitTakenOver)] == ["e"]
    world.check_nothing_lost()
    progress(world, "u", "en_route", "on_scene")
    with refused("unit_busy", "ListSuggestions"):
        order(world, "u", "e", divert=True)


@pytest.mark.parametrize(
    ("emergency", "unit", "code"),
    [
        ("none", "u", "unknown_emergency"),
        ("e", "none", "unknown_unit"),
        ("e", "resting", "unit_unavailable"),
        ("e", "u", "already_asked"),
    ],
)
def test_what_cannot_be_ordered_says_why(
    world: World, emergency: str, unit: str, code: str
) -> None:
    on_duty(world, "u", 1)
    on_duty(world, "resting", 2)
    world.ask(unit_ref("resting"), TakeBreak(), crew("resting"))
    raise_emergency(world, "e")
    world.settle()
    with refused(code):
        order(world, unit, emergency)


def test_what_has_a_crew_is_not_given_another(world: World) -> None:
    asked_among(world, u=1, v=2)
    accept(world, "u")
    world.settle()
    with refused("has_crew", "WithdrawTask", "OrderUnits"):
        order(world, "v")


def test_only_staff_orders(world: World) -> None:
    with pytest.raises(DomainError) as error:
        command = OverrideAssignment(emergency="e", unit="u", reason="me")
        world.ask(DISPATCHER, command, patient())
    assert error.value.code == "forbidden"


def test_a_withdrawal_of_an_offer_leaves_an_accepted_task_alone(world: World) -> None:
    asked(world)
    task = only_task(world, "u").id
    world.ask(unit_ref("u"), AcceptTask(task=task), crew("u"))
    message = WithdrawTask(task=task, reason="another unit is sent", only_offer=True)
    decision = world.ask(unit_ref("u"), message, SYSTEM)
    assert not decision.events and world.unit("u").live_task is not None


def test_suggestions_show_every_waiting_emergency_with_reasons() -> None:
    world = World(kinds(DispatchRules(), Preemptive()))
    on_duty(world, "u", 1, skills=("bls",))
    raise_emergency(world, "minor", 4, north_of_centre(20))
    world.settle()
    accept(world, "u")
    world.settle()
    raise_emergency(world, "urgent", 1)
    world.settle()
    seen = world.ask(DISPATCHER, ListSuggestions()).answer
    assert isinstance(seen, SuggestionList) and seen.policy == "preemptive"
    (said,) = seen.suggestions
    assert (said.emergency, said.decision) == ("urgent", "wait")
    assert [(c.unit, c.verdict) for c in said.candidates] == [("u", "no_skills")]


def test_two_calls_about_one_place_are_named_as_one(world: World) -> None:
    raise_emergency(world, "a")
    world.now += 60
    raise_emergency(world, "b", at=north_of_centre(0.1))
    raise_emergency(world, "elsewhere", at=north_of_centre(2))
    world.now += 3600
    raise_emergency(world, "later")
    world.settle()
    seen = world.ask(DISPATCHER, ListDuplicates()).answer
    assert isinstance(seen, DuplicateList)
    assert [(p.emergency, p.duplicate, p.apart_s) for p in seen.pairs] == [("a", "b", 60.0)]
    assert seen.pairs[0].apart_m == pytest.approx(100, abs=1)


def test_duplicates_are_all_pairs_within_the_limits_and_no_others(world: World) -> None:
    for n in range(12):
        world.now += 40 * (n % 4)
        raise_emergency(world, f"e{n:02}", at=north_of_centre(0.06 * (n * 5 % 7)))
    world.settle()
    cards = [case.card for case in world.dispatcher.cases.values()]
    expected = {
        (one.emergency, other.emergency)
        for one, other in combinations(sorted(cards, key=lambda c: (c.raised_at, c.emergency)), 2)
        if other.raised_at - one.raised_at <= 120
        and great_circle_m(one.location, other.location) <= 125
    }
    seen = world.ask(DISPATCHER, ListDuplicates(within_m=125, within_s=120)).answer
    assert isinstance(seen, DuplicateList)
    assert {(p.emergency, p.duplicate) for p in seen.pairs} == expected
    assert 0 < len(expected) < 66 and len(seen.pairs) == len(expected)


def test_who_has_refused_is_no_runner_up_but_ruled_out(world: World) -> None:
    for unit, km in (("near", 1.0), ("far", 3.0), ("farther", 5.0)):
        on_duty(world, unit, km)
    raise_emergency(world, "e", 1)
    world.settle()
    decline(world, "near")
    world.settle()
    seen = world.ask(DISPATCHER, ExplainCase(emergency="e")).answer
    assert isinstance(seen, ChoiceList)
    (choice,) = seen.choices
    assert (choice.unit, choice.reason) == ("far", "closest that has not refused it")
    assert [(r.unit, r.verdict) for r in choice.ruled_out] == [("near", "refused")]
    assert [r.unit for r in choice.runners_up] == ["farther"]


def test_a_choice_keeps_who_else_was_free(world: World) -> None:
    for unit, km in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 4.0), ("basic", 0.5)):
        on_duty(world, unit, km, skills=("bls",) if unit == "basic" else ("als",))
    raise_emergency(world, "e", 1)
    world.settle()
    seen = world.ask(DISPATCHER, ExplainCase(emergency="e")).answer
    assert isinstance(seen, ChoiceList)
    (choice,) = seen.choices
    assert (choice.unit, choice.policy, choice.free) == ("a", "priority", 5)
    assert [r.unit for r in choice.runners_up] == ["c", "b", "d"]
    assert choice.runners_up[0].eta_s > choice.eta_s
    assert choice.reason == "closest that can provide als"
    (nearer,) = choice.ruled_out
    assert (nearer.unit, nearer.verdict) == ("basic", "no_skills")
    assert nearer.why == "cannot provide als" and nearer.eta_s < choice.eta_s
    accept(world, "a")
    world.settle()
    assert world.emergency("e").orders.choices[1].unit == "a"
