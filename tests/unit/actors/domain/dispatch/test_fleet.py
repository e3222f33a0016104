"""What was remembered of other units changes nothing but the time it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch import BusyUnit, FreeUnit, Policy, Situation, Waiting, suits
from actors.domain.dispatch import fleet as fleets
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatch.fleet import Unit, fleet
from actors.domain.dispatch.table import Of, Origins, able_ways
from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Location
from tests.unit.actors.domain.dispatch.situations import (
    NOW,
    PLACES,
    Winding,
    busy_unit,
    free_unit,
    situations,
    waiting,
)

U = TypeVar("U", FreeUnit, BusyUnit)
some_free = st.lists(free_unit, max_size=12, unique_by=lambda unit: unit.unit)
some_busy = st.lists(busy_unit, max_size=12, unique_by=lambda unit: unit.unit)
some_cases = st.lists(waiting, min_size=1, max_size=4, unique_by=lambda case: case.emergency)


def forget() -> None:
    fleets._kept = []


def later(units: list[U], others: list[U], places_change: bool) -> list[U]:
    """Some are elsewhere, some have come, one may have gone, and its place be taken."""
    units = list(units)
    for other in others:
        at = next((at for at, unit in enumerate(units) if unit.unit == other.unit), len(units))
        units[at : at + 1] = [other]
    if len(units) > 1 and places_change:
        units[0] = units.pop()
    return units


def shown_in_turn(units: list[U], changes: list[tuple[list[U], bool]]) -> Iterator[tuple[U, ...]]:
    yield tuple(units)
    for others, places_change in changes:
        units = later(units, others, places_change)
        yield tuple(units)


def changes(units: st.SearchStrategy[list[U]]) -> st.SearchStrategy[list[tuple[list[U], bool]]]:
    return st.lists(st.tuples(units.map(lambda some: some[:2]), st.booleans()), max_size=4)


def columns(units: tuple[Unit, ...], cases: list[Waiting]) -> list[object]:
    made = fleet(units)
    assert fleet(units) is made
    arrays = [made.points]
    if units and isinstance(units[0], BusyUnit):
        arrays += [made.ends, made.free_at, made.priority, made.preempted, made.coming]
    told = [array.tolist() for array in arrays]
    return [made.units, made.at, *told, *(made.suiting(case).tolist() for case in cases)]


@settings(max_examples=60)
@given(free=some_free, turns=changes(some_free), cases=some_cases)
def test_columns_of_free_units_are_the_same_made_from_others_or_anew(
    free: list[FreeUnit], turns: list[tuple[list[FreeUnit], bool]], cases: list[Waiting]
) -> None:
    forget()
    remembered = [columns(units, cases) for units in shown_in_turn(free, turns)]
    for units, known in zip(shown_in_turn(free, turns), remembered, strict=True):
        forget()
        assert columns(units, cases) == known
        assert known[-1] == [suits(unit, cases[-1]) for unit in units]


@settings(max_examples=60)
@given(busy=some_busy, turns=changes(some_busy), cases=some_cases)
def test_columns_of_busy_units_are_the_same_made_from_others_or_anew(
    busy: list[BusyUnit], turns: list[tuple[list[BusyUnit], bool]], cases: list[Waiting]
) -> None:
    forget()
    remembered = [columns(units, cases) for units in shown_in_turn(busy, turns)]
    for units, known in zip(shown_in_turn(busy, turns), remembered, strict=True):
        forget()
        assert columns(units, cases) == known
        assert fleet(units).free_at.tolist() == [unit.free_at for unit in units]


def test_only_a_few_fleets_are_remembered() -> None:
    for count in range(50):
        fleet((FreeUnit(f"u{count}", PLACES[0], ()),))
    assert len(fleets._kept) <= 8


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
@settings(max_examples=25)
@given(situation=situations(), others=some_free.map(lambda some: some[:2]))
def test_a_plan_is_the_same_whatever_was_planned_before(
    policy: Policy, situation: Situation, others: list[FreeUnit]
) -> None:
    after = replace(situation, free=tuple(later(list(situation.free), others, True)))
    forget()
    alone = policy.plan(after, GreatCircle())
    forget()
    policy.plan(situation, GreatCircle())
    assert policy.plan(after, GreatCircle()) == alone


@settings(max_examples=60)
@given(
    free=some_free,
    busy=some_busy,
    cases=some_cases,
    travel=st.sampled_from([GreatCircle(), Winding(), Winding(None)]),
)
def test_the_table_of_ways_is_what_asking_about_each_pair_gives(
    free: list[FreeUnit], busy: list[BusyUnit], cases: list[Waiting], travel: TravelEstimate
) -> None:
    parts = [Of(fleet(free), range(len(free))), Of(fleet(busy), range(len(busy)), ends=True)]
    ways = able_ways(Origins(*parts), cases, travel, NOW)
    places: list[tuple[Unit, Location]] = [(unit, unit.location) for unit in free]
    places += [(unit, unit.free_where) for unit in busy]
    asked = [
        [
            travel.seconds(place, case.location, NOW)
            if suits(unit, case) and unit.unit not in case.refused_by
            else np.inf
            for unit, place in places
        ]
        for case in cases
    ]
    np.testing.assert_allclose(ways, np.array(asked).reshape(ways.shape), rtol=1e-7, atol=1e-4)
