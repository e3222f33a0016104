"""Between the domain's epoch seconds and the API's RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from web.problems import bad_parameter

# What a filter may name: nearer to the ends of the calendar a change of offset overflows.
_YEARS: Final = range(1000, 9000)


def moment(seconds: float) -> datetime:
    """To the millisecond, as the domain writes its times."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def utc(given: datetime | None, parameter: str) -> datetime | None:
    """A parameter's time in UTC, which it is taken to be in where it names no offset."""
    if given is None:
        return None
    if given.year not in _YEARS:
        raise bad_parameter(parameter, f"expected a year from {_YEARS[0]} to {_YEARS[-1]}")
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
