"""Between rows of the table and the domain's words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from actors.domain.relationship import Relationship

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    """Unix seconds as the table keeps them: whole microseconds, never later than given, so that
    what begins now has begun and what ends now has ended."""
    if seconds is None:
        return None
    whole = math.floor(seconds)
    # The part alone: all of it in microseconds would be rounded to the next, may be a later one.
    return _EPOCH + timedelta(seconds=whole, microseconds=math.floor((seconds - whole) * 1e6))


def seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def relationship(row: dict[str, Any]) -> Relationship:
    """Of a row that has at least the table's columns."""
    return Relationship(
        id=str(row["id"]),
        kind=row["kind"],
        role=row["role"],
        holder=row["holder"],
        patient_id=str(row["patient_id"]),
        begins_at=seconds(row["begins_at"]),
        ends_at=seconds(row["ends_at"]),
    )
