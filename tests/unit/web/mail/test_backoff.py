"""How long is waited between attempts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from web.mail.backoff import FIRST_S, JITTER, MOST_S, wait_s


def test_each_wait_is_longer_until_it_is_an_hour() -> None:
    waits = [wait_s(attempt, 0.5) for attempt in range(1, 12)]
    assert waits[:4] == [5.0, 15.0, 45.0, 135.0]
    assert waits == sorted(waits)
    assert waits[-1] == MOST_S


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_none_is_far_from_its_middle(attempt: int, chance: float) -> None:
    assert FIRST_S * (1 - JITTER) <= wait_s(attempt, chance) <= MOST_S * (1 + JITTER)
