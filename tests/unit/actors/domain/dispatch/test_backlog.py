"""A backlog gives the orders that sorting would, whatever it was made from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch import Waiting
from actors.domain.dispatch import backlog as backlogs
from actors.domain.dispatch.backlog import Backlog, backlog, by_age
from actors.domain.dispatch.difference import differing, note
from actors.domain.dispatch.weights import urgency
from tests.unit.actors.domain.dispatch.situations import NOW, waiting

some = st.lists(waiting, max_size=20, unique_by=lambda case: case.emergency)
# To wait for an hour more turns every class that age can turn.
times = st.sampled_from([NOW - 500.0, NOW, NOW + 899.0, NOW + 900.0, NOW + 3_600.0])


def by_urgency(cases: list[Waiting], now: float) -> list[tuple[int, Waiting]]:
    ranked = [(urgency(case, now), case) for case in cases]
    return sorted(ranked, key=lambda one: (one[0], *one[1].rank[1:]))


def holds(made: Backlog, cases: list[Waiting], now: float) -> None:
    assert made.cases == tuple(cases)
    assert set(made.kinds) == {(case.needs, case.vehicles) for case in cases}
    assert list(made.by_age()) == sorted(cases, key=lambda case: case.age)
    assert list(by_age(tuple(cases))) == list(made.by_age())
    assert list(made.by_rank()) == sorted(cases, key=lambda case: case.rank)
    assert list(made.by_urgency(now, made.kinds)) == by_urgency(cases, now)
    for kind in made.kinds:
        of_kind = [case for case in cases if (case.needs, case.vehicles) == kind]
        assert list(made.by_rank({kind})) == sorted(of_kind, key=lambda case: case.rank)
        assert list(made.by_urgency(now, {kind})) == by_urgency(of_kind, now)
    urgent = [case for case in cases if case.priority <= 2]
    assert list(made.by_rank(last=2.5)) == sorted(urgent, key=lambda case: case.rank)


@settings(max_examples=50)
@given(cases=some, now=times)
def test_every_order_is_that_of_sorting(cases: list[Waiting], now: float) -> None:
    backlogs._kept = []
    holds(backlog(cases), cases, now)


@settings(max_examples=50)
@given(
    cases=st.lists(waiting, min_size=18, max_size=21, unique_by=lambda case: case.emergency),
    turns=st.lists(st.tuples(st.integers(0, 29), waiting, st.booleans()), max_size=4),
    now=times,
)
def test_one_that_is_made_from_another_is_as_if_made_anew(
    cases: list[Waiting], turns: list[tuple[int, Waiting, bool]], now: float
) -> None:
    backlogs._kept = []
    known = [(tuple(cases), backlog(tuple(cases)))]
    for at, other, goes in turns:
        cases = list(cases)
        if goes:  # and the last takes its place
            last = cases.pop()
            if at < len(cases):
                cases[at] = last
        elif at < len(cases):
            cases[at] = replace(other, emergency=cases[at].emergency)
        else:
            cases.append(replace(other, emergency=f"f{len(known)}"))
        before, shown = known[-1][0], tuple(cases)
        both = min(len(before), len(shown))
        assert differing(before, shown) == [row for row in range(both) if before[row] != shown[row]]
        known.append((shown, backlog(shown)))
    for shown, made in known:  # nor has what was made from it changed any
        holds(made, list(shown), now)


def test_where_two_differ_is_not_looked_for_twice() -> None:
    old, new = tuple(map(str, range(200))), tuple(map(str, range(200)))
    assert differing(old, new) == []
    changed = (*old[:70], "other", *old[71:], "more")
    assert differing(old, changed) == [70]
    note(old, new, [3])
    assert differing(old, new) == [3]
    assert differing(new, old) == []
