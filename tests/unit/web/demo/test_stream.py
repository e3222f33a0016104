"""The stream of emergencies: as many as meant, at the hours meant, played on after a restart."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from actors.domain.triage import triage
from actors.fire_calls.call import answers_for
from web.demo.city import UNITS, build
from web.demo.stream import (
    PEAK_PER_MIN,
    make_call,
    next_call_at,
    rate_per_s,
    service_for,
)

DAY_S = 86_400.0


def calls_of(days: int) -> list[float]:
    chance, at, times = Random(11), 0.0, list[float]()
    while (at := next_call_at(at, chance)) < days * DAY_S:
        times.append(at)
    return times


def test_calls_come_at_the_rate_of_the_hour() -> None:
    days = 60
    times = calls_of(days)
    by_hour = Counter(int(at % DAY_S // 3600) for at in times)
    for hour in (4, 12, 18):
        expected = sum(rate_per_s(hour * 3600 + s) for s in range(3600)) * days
        assert by_hour[hour] == pytest.approx(expected, rel=0.12)
    assert by_hour[12] > 1.5 * by_hour[4]


def test_calls_come_one_after_the_other() -> None:
    assert all(later > earlier for earlier, later in pairwise(calls_of(1)))


def test_the_rate_has_no_jumps_over_midnight() -> None:
    assert rate_per_s(DAY_S - 1) == pytest.approx(rate_per_s(1), rel=0.01)


def test_the_crews_are_busy_and_not_drowned() -> None:
    chance, plan = Random(5), build(1)
    services = [
        service_for(call.reference, call.priority)
        for call in (make_call(plan, f"call {n}", chance) for n in range(2_000))
    ]
    drives_s = 900.0  # out, to the hospital: at most two crossings of the city
    busy_s = sum(one.on_scene_s + one.hospital_s + drives_s for one in services) / len(services)
    busy_units = busy_s * PEAK_PER_MIN / 60
    assert UNITS * 0.4 < busy_units < UNITS * 0.8


def test_a_call_is_of_the_class_its_answers_lead_to() -> None:
    chance, plan = Random(5), build(1)
    seen = set()
    for n in range(300):
        call = make_call(plan, f"call {n}", chance)
        assert triage(answers_for(call.priority)).priority == call.priority
        assert 0 <= call.patient < len(plan.patients)
        seen.add(call.priority)
    assert seen == {1, 2, 3, 4}


def test_a_service_is_known_by_its_call_alone() -> None:
    assert service_for("call 7 of demo ab", 2) == service_for("call 7 of demo ab", 2)
    lengths = {service_for(f"call {n}", 2).on_scene_s for n in range(20)}
    assert len(lengths) == 20
