"""The policy: who is asked for what."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.dispatch import (
    ByPriority,
    FreeUnit,
    Plan,
    Proposal,
    Situation,
    Waiting,
    provides,
)
from actors.domain.travel import GreatCircle
from tests.unit.actors.domain.cast import CENTRE, north_of_centre

TRAVEL = GreatCircle()


def waiting(
    id_: str,
    priority: int = 2,
    raised_at: float = 0.0,
    needs: tuple[str, ...] = ("bls",),
    refused_by: tuple[str, ...] = (),
) -> Waiting:
    return Waiting(id_, priority, raised_at, CENTRE, needs, refused_by)


def unit(id_: str, km: float, skills: tuple[str, ...] = ("als",)) -> FreeUnit:
    return FreeUnit(id_, north_of_centre(km), skills)


def pairs(plan: Plan) -> list[tuple[str, str]]:
    return [(p.emergency, p.unit) for p in plan.proposals]


def plan(cases: list[Waiting], units: list[FreeUnit]) -> Plan:
    situation = Situation(now=100.0, waiting=tuple(cases), free=tuple(units))
    return ByPriority().plan(situation, TRAVEL)


def test_the_nearest_unit_is_asked() -> None:
    proposed = plan([waiting("e")], [unit("far", 5), unit("near", 1)])
    assert pairs(proposed) == [("e", "near")]
    assert proposed.proposals[0].eta_s == TRAVEL.seconds(north_of_centre(1), CENTRE)


def test_the_higher_priority_is_served_first_and_among_equals_the_older() -> None:
    cases = [waiting("old", 3, 1.0), waiting("new", 1, 9.0), waiting("newer", 1, 10.0)]
    assert pairs(plan(cases, [unit("near", 1), unit("far", 5)])) == [
        ("new", "near"),
        ("newer", "far"),
    ]


def test_a_nearer_unit_without_the_skills_is_passed_over() -> None:
    cases = [waiting("e", needs=("als",))]
    assert pairs(plan(cases, [unit("basic", 1, ("bls",)), unit("advanced", 8)])) == [
        ("e", "advanced")
    ]


def test_a_unit_that_refused_is_passed_over_until_all_have() -> None:
    units = [unit("near", 1), unit("far", 5)]
    assert pairs(plan([waiting("e", refused_by=("near",))], units)) == [("e", "far")]
    everyone = plan([waiting("e", refused_by=("near", "far"))], units)
    assert everyone == Plan((), ("e",))


def test_without_a_unit_that_could_nothing_was_refused() -> None:
    assert plan([waiting("e", needs=("rescue",))], [unit("u", 1)]) == Plan(())
    assert plan([waiting("e")], []) == Plan(())


def test_advanced_crews_provide_basic_life_support_and_not_the_reverse() -> None:
    assert provides(("als",), ("bls",))
    assert not provides(("bls",), ("als",))
    assert not provides(("als",), ("bls", "rescue"))
    assert provides((), ())


skills = st.sampled_from([("bls",), ("als",), ("als", "rescue"), ()])
many_waiting = st.lists(
    st.builds(
        lambda n, p, at, needs, refused: waiting(f"e{n}", p, at, needs, tuple(refused)),
        st.integers(0, 30),
        st.integers(1, 4),
        st.floats(0, 100),
        skills,
        st.lists(st.sampled_from(["u0", "u1", "u2"]), max_size=3),
    ),
    max_size=8,
    unique_by=lambda case: case.emergency,
)
many_units = st.lists(
    st.builds(lambda n, km, s: unit(f"u{n}", km, s), st.integers(0, 30), st.floats(0, 20), skills),
    max_size=8,
    unique_by=lambda u: u.unit,
)


@given(many_waiting, many_units)
def test_a_plan_is_sound(cases: list[Waiting], units: list[FreeUnit]) -> None:
    proposed = plan(cases, units)
    by_id = {case.emergency: case for case in cases}
    crews = {u.unit: u for u in units}
    asked = [p.unit for p in proposed.proposals]
    served = [p.emergency for p in proposed.proposals]
    assert len(set(asked)) == len(asked) and len(set(served)) == len(served)
    assert [by_id[e].rank for e in served] == sorted(by_id[e].rank for e in served)
    for p in proposed.proposals:
        assert provides(crews[p.unit].skills, by_id[p.emergency].needs)
        assert p.unit not in by_id[p.emergency].refused_by
    left = [u for u in units if u.unit not in asked]
    for case in cases:
        if case.emergency not in served:
            could = [u for u in left if provides(u.skills, case.needs)]
            assert all(u.unit in case.refused_by for u in could), "a unit was left idle"


@given(many_waiting, many_units, st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_what_it_is_given(
    cases: list[Waiting], units: list[FreeUnit], random: Random
) -> None:
    shuffled_cases, shuffled_units = cases[:], units[:]
    random.shuffle(shuffled_cases)
    random.shuffle(shuffled_units)
    assert set(plan(cases, units).proposals) == set(plan(shuffled_cases, shuffled_units).proposals)


def test_a_proposal_says_how_long_the_way_is() -> None:
    (proposal,) = plan([waiting("e")], [unit("u", 0)]).proposals
    assert proposal == Proposal("e", "u", 0.0)
