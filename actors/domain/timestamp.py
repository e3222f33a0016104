"""Epoch seconds as RFC 3339 text, by arithmetic alone: the domain has no clock and no calendar."""

from __future__ import annotations

from functools import lru_cache

_DAY_S = 86_400


# One commit names the same moment several times over; measured 4 µs each without.
@lru_cache(maxsize=4096)
def rfc3339(seconds: float) -> str:
    """`seconds` since the epoch as RFC 3339 in UTC, rounded to ms: 2020-04-10T06:30:00.250Z.

    Civil date from a count of days by Howard Hinnant, "chrono-compatible low-level date
    algorithms" (civil_from_days). Years 0000–9999 are what RFC 3339 can say.
    """
    ms = round(seconds * 1000)
    day, ms = divmod(ms, _DAY_S * 1000)
    z = day + 719_468  # days since 0000-03-01: the year then ends with its leap day
    era, doe = divmod(z, 146_097)
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (month <= 2)
    second, ms = divmod(ms, 1000)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return (
        f"{year:04d}-{month:02d}-{doy - (153 * mp + 2) // 5 + 1:02d}"
        f"T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"
    )


def rfc3339_or_none(seconds: float | None) -> str | None:
    """The same for a time that may be missing."""
    return None if seconds is None else rfc3339(seconds)
