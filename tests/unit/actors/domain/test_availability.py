"""Free windows, also against a minute-by-minute reading of the plan."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.availability import (
    MAX_SPAN_S,
    Availability,
    AvailabilityException,
    WeeklyWindow,
    Window,
    check,
    free_windows,
)
from tests.unit.actors.domain.refusal import refused

MONDAY = datetime(2020, 4, 6, tzinfo=UTC).timestamp()
HOUR = 3600.0
DAY = 24 * HOUR
OFFICE = Availability("UTC", (WeeklyWindow(0, 540, 720), WeeklyWindow(2, 540, 720)))


def exception(from_h: float, to_h: float, opened: bool) -> AvailabilityException:
    return AvailabilityException(MONDAY + from_h * HOUR, MONDAY + to_h * HOUR, opened)


def hours(plan: Availability, from_h: float = 0, to_h: float = 7 * 24) -> list[tuple[float, float]]:
    windows = free_windows(plan, MONDAY + from_h * HOUR, MONDAY + to_h * HOUR)
    return [((w.from_s - MONDAY) / HOUR, (w.to_s - MONDAY) / HOUR) for w in windows]


def test_weekly_windows_come_each_week() -> None:
    assert hours(OFFICE) == [(9, 12), (57, 60)]
    assert len(hours(OFFICE, 0, 14 * 24)) == 4


def test_a_window_is_cut_at_the_ends_of_the_range() -> None:
    assert hours(OFFICE, 10, 11) == [(10, 11)]


def test_a_closed_exception_takes_time_away_and_wins_over_an_open_one() -> None:
    plan = Availability("UTC", OFFICE.weekly, (exception(10, 11, False), exception(8, 12, True)))
    assert hours(plan, 0, 24) == [(8, 10), (11, 12)]


def test_windows_that_touch_are_one_also_over_midnight() -> None:
    plan = Availability("UTC", (WeeklyWindow(0, 1380, 1440), WeeklyWindow(1, 0, 60)))
    assert hours(plan, 0, 48) == [(23, 25)]


@pytest.mark.parametrize("span", [0.0, -1.0, MAX_SPAN_S + 1.0])
def test_a_range_must_have_a_length_and_a_bound(span: float) -> None:
    with refused("invalid_range"):
        free_windows(OFFICE, MONDAY, MONDAY + span)


def test_an_exception_that_ends_before_it_begins_is_refused() -> None:
    with refused("invalid_availability"):
        check(Availability("UTC", (), (exception(5, 5, True),)))
    check(OFFICE)


quarters = st.integers(0, 96)
plans = st.builds(
    lambda weekly, exceptions: Availability("UTC", tuple(weekly), tuple(exceptions)),
    st.lists(
        st.tuples(st.integers(0, 6), quarters, quarters)
        .filter(lambda w: w[1] < w[2])
        .map(lambda w: WeeklyWindow(w[0], w[1] * 15, w[2] * 15)),
        max_size=5,
    ),
    st.lists(
        st.tuples(quarters, quarters, st.booleans())
        .filter(lambda x: x[0] < x[1])
        .map(lambda x: exception(x[0] / 2, x[1] / 2, x[2])),
        max_size=5,
    ),
)


@given(plans)
def test_each_quarter_of_an_hour_is_free_exactly_when_the_plan_says_so(plan: Availability) -> None:
    check(plan)
    free = free_windows(plan, MONDAY, MONDAY + 3 * DAY)
    assert list(free) == sorted(free)
    assert all(a.to_s < b.from_s for a, b in pairwise(free))
    for quarter in range(3 * 96):
        at = MONDAY + quarter * 900
        moment = datetime.fromtimestamp(at, UTC)
        minute = moment.hour * 60 + moment.minute
        weekly = any(
            w.weekday == moment.weekday() and w.from_minute <= minute < w.to_minute
            for w in plan.weekly
        )
        covering = [x.open for x in plan.exceptions if x.from_s <= at < x.to_s]
        expected = (weekly or any(covering)) and all(covering)
        assert any(w.from_s <= at < w.to_s for w in free) == expected


def test_a_window_is_plain_data() -> None:
    assert Window(1.0, 2.0) < Window(1.0, 3.0) < Window(2.0, 2.5)
