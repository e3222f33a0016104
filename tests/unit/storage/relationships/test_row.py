"""Times as the relationships' table keeps them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.relationships.row import at, seconds

NOW = st.floats(min_value=1.6e9, max_value=4e9, allow_nan=False)


@given(NOW)
def test_what_begins_or_ends_now_has_done_so(now: float) -> None:
    kept = seconds(at(now))
    assert kept is not None
    assert now - 2e-6 < kept <= now


def test_no_time_stays_none() -> None:
    assert at(None) is None
    assert seconds(None) is None
