"""How fast units drive along the straight line, from when they left and arrived.

The export says when a unit was on its way and when it arrived, not where it came from. Known is
that for one that had just been cleared on another scene: it starts about there. Only drives to
emergencies are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median
from typing import Final

from msgspec import Struct

from actors.domain.travel import GreatCircle, great_circle_m
from actors.fire_calls.row import Row

# Cleared longer before, a unit has left the scene.
_STILL_THERE_S: Final = 900.0
# Drives to what is not urgent are slow by choice: twice as slow in San Francisco.
_URGENT: Final = "3"
# Fewer drives than these say nothing about a city.
_ENOUGH: Final = 20
# What lies outside is no drive to a call: a button pressed late, or again.
_LONGEST_S: Final = 3600.0


class Calibration(Struct, frozen=True):
    """`speed_mps`: straight-line metres by seconds from leaving to arriving, over `drives` drives.

    `error_s`: median absolute error of a drive's estimate. `drives` 0: there were too few, and
    `speed_mps` is GreatCircle's assumption; `error_s` is None then.
    """

    speed_mps: float
    drives: int
    error_s: float | None


def calibrate(rows: Iterable[Row]) -> Calibration:
    """The speed with which all drives together take as long as they did."""
    drives = list(_drives(rows))
    took = sum(seconds for _, seconds in drives)
    metres = sum(far for far, _ in drives)
    if len(drives) < _ENOUGH or metres <= 0:
        return Calibration(GreatCircle().fastest_mps, 0, None)
    speed = round(metres / took, 3)
    error = median(abs(far / speed - seconds) for far, seconds in drives)
    return Calibration(speed, len(drives), error)


def _drives(rows: Iterable[Row]) -> Iterator[tuple[float, float]]:
    """Metres and seconds of each drive whose beginning is known."""
    by_unit: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_unit[row.unit].append(row)
    for life in by_unit.values():
        life.sort(key=lambda row: (row.dispatch_at or row.received_at, row.call))
        for before, row in pairwise(life):
            if row.final_priority != _URGENT:
                continue
            cleared_there = before.on_scene_at is not None and before.transport_at is None
            if not cleared_there or before.available_at is None:
                continue
            if row.response_at is None or row.on_scene_at is None:
                continue
            took = row.on_scene_at - row.response_at
            since = row.response_at - before.available_at
            if 0 <= since <= _STILL_THERE_S and 0 < took <= _LONGEST_S:
                yield great_circle_m(before.location, row.location), took
