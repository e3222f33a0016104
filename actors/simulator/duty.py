"""When units were on duty, and where they began: the export does not say.

The simulator's units are on duty all the time, so a scenario with every unit that was ever seen
in two weeks would have three times the crews of any hour in them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import median_low
from typing import Final

from msgspec import Struct

from actors.fire_calls.row import Row

# A unit that is not heard of for longer has gone home: shifts are 10 to 12 hours, and an
# ambulance of a city goes out about every hour.
_SILENCE_S: Final = 4 * 3600.0


class Shift(Struct, frozen=True):
    """A stretch of a unit's calls without a long silence, epoch seconds. `station`: the area of
    its first call.
    """

    unit: str
    begins: float
    ends: float
    station: str


def shifts_of(rows: Iterable[Row]) -> tuple[Shift, ...]:
    """All units' shifts."""
    lives: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        lives[row.unit].append(row)
    return tuple(shift for unit in sorted(lives) for shift in _shifts(unit, lives[unit]))


def on_duty(shifts: Iterable[Shift], moments: Iterable[float]) -> int:
    """Units on duty at the median of these moments (epoch seconds), at least 1."""
    shifts = tuple(shifts)
    begins = sorted(shift.begins for shift in shifts)
    ends = sorted(shift.ends for shift in shifts)
    counts = [bisect_right(begins, at) - bisect_right(ends, at) for at in moments]
    return max(1, median_low(counts)) if counts else 1


def posts_of(shifts: Iterable[Shift]) -> Mapping[str, str]:
    """For each unit the station area where most of its shifts began.

    An ambulance is sent first from where it was put; later from wherever it has come to, which in
    a city is downtown for most of them. Ties by the area's name.
    """
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for shift in shifts:
        seen[shift.unit][shift.station] += 1
    return {unit: min(areas, key=lambda area: (-areas[area], area)) for unit, areas in seen.items()}


def _shifts(unit: str, rows: list[Row]) -> Iterator[Shift]:
    first, *rest = sorted(rows, key=lambda row: (_began(row), row.call))
    until = _ended(first)
    for row in rest:
        if _began(row) - until > _SILENCE_S:
            yield Shift(unit, _began(first), until, first.station)
            first = row
        until = max(until, _ended(row))
    yield Shift(unit, _began(first), until, first.station)


def _began(row: Row) -> float:
    return row.dispatch_at or row.received_at


def _ended(row: Row) -> float:
    return max(_began(row), row.available_at or 0.0)
