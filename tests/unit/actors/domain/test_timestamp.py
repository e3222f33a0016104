"""RFC 3339 by arithmetic, against the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.timestamp import rfc3339, rfc3339_or_none

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# 0000-03-01 is before what datetime can say; to the end of the year 9999.
@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_every_millisecond_reads_as_the_calendar_says(ms: int) -> None:
    expected = EPOCH + timedelta(milliseconds=ms)
    text = f"{expected:%m-%dT%H:%M:%S}.{expected.microsecond // 1000:03d}Z"
    assert rfc3339(ms / 1000) == f"{expected.year:04d}-{text}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_586_500_200.25, "2020-04-10T06:30:00.250Z"),
        (1_586_500_199.9996, "2020-04-10T06:30:00.000Z"),
    ],
)
def test_known_moments(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text


def test_a_missing_time_stays_missing() -> None:
    assert rfc3339_or_none(None) is None
    assert rfc3339_or_none(0.0) == "1970-01-01T00:00:00.000Z"
