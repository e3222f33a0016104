"""Travel times from many places to many others at once, seconds, for policies that weigh pairs."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from actors.domain.dispatch.fleet import Fleet, Kind, Mask, Rows
from actors.domain.dispatch.situation import Waiting
from actors.domain.places import Array, Places, places_of
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

_here = attrgetter("location")
_end = attrgetter("free_where")


class Of(NamedTuple):
    """The units of a fleet in these rows, where they are; `ends`: where they will be free."""

    fleet: Fleet
    rows: Sequence[int] | Rows
    ends: bool = False


class Origins(Places):
    """Where some units are or will be, one part after the other."""

    def __init__(self, *parts: Of) -> None:
        super().__init__(())
        self._parts = [part for part in parts if len(part.rows)]

    def __len__(self) -> int:
        return sum(len(part.rows) for part in self._parts)

    @property
    def locations(self) -> Sequence[Location]:
        """See Places."""
        if not self._locations:
            found: list[Location] = []
            for fleet, rows, ends in self._parts:
                found += map(_end if ends else _here, map(fleet.units.__getitem__, rows))
            self._locations = found
        return self._locations

    @property
    def points(self) -> Array:
        """See Places."""
        if self._points is None:
            points = [
                (fleet.ends if ends else fleet.points).take(rows, axis=1)
                for fleet, rows, ends in self._parts
            ]
            self._points = np.concatenate(points, axis=1) if points else np.empty((3, 0))
        return self._points

    def suiting(self, case: Waiting) -> Mask:
        """One truth value a column."""
        return np.concatenate([part.fleet.suiting(case)[part.rows] for part in self._parts])

    def columns(self) -> dict[str, list[int]]:
        """Where each unit is found; it may stand in several parts."""
        found: dict[str, list[int]] = {}
        units = (part.fleet.units[row].unit for part in self._parts for row in part.rows)
        for column, unit in enumerate(units):
            found.setdefault(unit, []).append(column)
        return found


def able_ways(
    origins: Origins, cases: Sequence[Waiting], travel: TravelEstimate, now: float
) -> Array:
    """Seconds from each origin: one row a case, one column a unit.

    Infinity where the unit does not suit or has refused, too.
    """
    ways = travel.table(origins, places_of([case.location for case in cases]), now)
    if not ways.size:
        return ways
    rows_of: dict[Kind, list[int]] = {}
    for row, case in enumerate(cases):
        rows_of.setdefault((case.needs, case.vehicles), []).append(row)
    for rows in rows_of.values():
        suiting = origins.suiting(cases[rows[0]])
        if not suiting.all():
            ways[np.array(rows)[:, None], (~suiting).nonzero()[0]] = np.inf
    if any(case.refused_by for case in cases):
        columns = origins.columns()
        for row, case in enumerate(cases):
            for unit in case.refused_by:
                ways[row, columns.get(unit, [])] = np.inf
    return ways
