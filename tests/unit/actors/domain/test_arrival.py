"""The arrival estimate learns from the drive: never wild, nearer the truth than the map alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.arrival import FASTEST, JUMP, SLOWEST, Pace, driven

STEP_S = 10.0


def drive(pace: float, estimate_s: float = 600.0) -> list[tuple[float, float, float]]:
    """At so many true seconds for one estimated: what is left, by estimate, live, and in truth."""
    took_s = estimate_s * pace
    known: Pace | None = None
    shown = []
    for n in range(int(took_s / STEP_S)):
        at = n * STEP_S
        left_s = estimate_s * (1 - at / took_s)
        known = driven(known, "d", at, left_s)
        shown.append((left_s, known.eta_s, took_s - at))
    return shown


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.4, 2.2])
def test_what_the_way_so_far_took_corrects_what_is_left(pace: float) -> None:
    shown = drive(pace)
    assert shown[0][1] == shown[0][0]  # nothing is known of it yet
    for by_map, live, truth in shown[1:]:
        assert abs(live - truth) <= abs(by_map - truth) + 1e-9
    halfway = shown[len(shown) // 2]
    assert abs(halfway[1] - halfway[2]) < abs(halfway[0] - halfway[2]) / 2 + 1e-9


def test_a_stop_on_the_way_is_felt_and_forgotten() -> None:
    known = driven(None, "d", 0.0, 600.0)
    known = driven(known, "d", 60.0, 540.0)
    stopped = driven(known, "d", 150.0, 540.0)
    assert stopped.ratio > known.ratio
    moving = stopped
    for at in range(160, 560, 10):
        moving = driven(moving, "d", float(at), 540.0 - (at - 150.0))
    assert 1.0 <= moving.ratio < stopped.ratio


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 5e4)), min_size=1, max_size=30))
def test_it_is_bounded_whatever_the_fixes_say(fixes: list[tuple[float, float]]) -> None:
    known: Pace | None = None
    for at, left_s in fixes:
        known = driven(known, "d", at, left_s)
        assert FASTEST * left_s <= known.eta_s <= SLOWEST * left_s
        assert driven(known, "next", at, left_s).eta_s == left_s  # another drive, another pace


def test_a_jump_teaches_nothing() -> None:
    known = driven(None, "d", 0.0, 3600.0)
    jumped = driven(known, "d", 1.0, 3600.0 - 2 * JUMP)
    assert jumped.ratio == known.ratio and jumped.left_s == 3600.0 - 2 * JUMP


def test_fixes_out_of_order_change_no_pace() -> None:
    known = driven(driven(None, "d", 0.0, 600.0), "d", 60.0, 560.0)
    late = driven(known, "d", 30.0, 580.0)
    assert late.ratio == known.ratio and late.at == 60.0
    assert all(a[2] > b[2] for a, b in pairwise(drive(1.0)))
