"""Travel times from many places to many others at once, seconds, for policies that weigh pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from actors.domain.dispatch.fleet import Array, Fleet, Kind, Mask, Rows, on_sphere, points_of
from actors.domain.dispatch.situation import BusyUnit, Waiting
from actors.domain.travel import EARTH_RADIUS_M, GreatCircle, TravelEstimate
from actors.domain.values import Location

# An estimate that has to be asked pair by pair is asked about so many of the straight-line nearest
# of each target: a unit farther down that list is not the one to send, or all are the same far.
_ASKED = 24
# Up to here (600 km) three terms of the series are good to ten digits, at a fraction of the cost.
_NEAR = 0.1


class Places:
    """Where trips begin, and where that is on the sphere, a column each."""

    def __init__(self, places: Sequence[Location]) -> None:
        self.points = on_sphere(places)
        self._places = list(places)

    def __len__(self) -> int:
        return int(self.points.shape[1])

    def groups(self) -> list[tuple[int, int]]:
        """From which column to which the nearest are told from the rest."""
        return [(0, len(self))]

    def all(self) -> list[Location]:
        """The places themselves: only estimates that are asked pair by pair need them."""
        return self._places


class Of(NamedTuple):
    """The units of a fleet in these rows, where they are; `ends`: where they will be free."""

    fleet: Fleet
    rows: Sequence[int] | Rows
    ends: bool = False


class Origins(Places):
    """Where some units are or will be, one part after the other.

    `apart`: each part has its own nearest.
    """

    def __init__(self, *parts: Of, apart: bool = False) -> None:
        self._apart = apart
        self._parts = [part for part in parts if len(part.rows)]
        points = [
            (fleet.ends if ends else fleet.points).take(rows, axis=1)
            for fleet, rows, ends in self._parts
        ]
        self.points = np.concatenate(points, axis=1) if points else np.empty((3, 0))

    def all(self) -> list[Location]:
        """See Places."""
        return [
            unit.free_where if ends and isinstance(unit, BusyUnit) else unit.location
            for fleet, rows, ends in self._parts
            for unit in map(fleet.units.__getitem__, rows)
        ]

    def groups(self) -> list[tuple[int, int]]:
        """See Places."""
        if not self._apart:
            return super().groups()
        ends = np.cumsum([len(part.rows) for part in self._parts]).tolist()
        return list(zip([0, *ends], ends, strict=False))

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


def seconds_table(
    origins: Places, targets: Sequence[Location], travel: TravelEstimate, now: float
) -> Array:
    """One row a target, one column an origin; infinity where the estimate was not asked.

    For great circles the table agrees with the estimate to nine digits; every other estimate is
    asked itself, about all pairs where nothing is known of its speed.
    """
    if not len(origins) or not targets:
        return np.empty((len(targets), len(origins)))
    if not travel.fastest_mps:
        places = origins.all()
        return np.array(
            [[travel.seconds(place, target, now) for place in places] for target in targets]
        )
    square = _chords_squared(origins.points, points_of(targets))
    if isinstance(travel, GreatCircle):
        arcs = _arcs(square)
        arcs *= EARTH_RADIUS_M / travel.fastest_mps
        return arcs
    places = origins.all()
    table = np.full(square.shape, np.inf)
    for begin, end in origins.groups():
        near = square[:, begin:end]
        if end - begin <= _ASKED:
            asked = np.ones(near.shape, dtype=np.bool_)
        else:
            # All as near as the last of the nearest, so that order does not tell equal ones apart.
            asked = near <= np.partition(near, _ASKED - 1, axis=1)[:, _ASKED - 1 : _ASKED]
        for row, column in zip(*np.nonzero(asked), strict=True):
            table[row, begin + column] = travel.seconds(places[begin + column], targets[row], now)
    return table


def able_ways(
    origins: Origins, cases: Sequence[Waiting], travel: TravelEstimate, now: float
) -> Array:
    """Seconds from each origin: one row a case, one column a unit.

    Infinity where the unit does not suit or has refused, too.
    """
    ways = seconds_table(origins, [case.location for case in cases], travel, now)
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


def _chords_squared(origins: Array, targets: Array) -> Array:
    """Squares of the straight lines between points of the unit sphere: a row a target."""
    square: Array = targets[0][:, None] - origins[0]
    square *= square
    for axis in (1, 2):
        along = targets[axis][:, None] - origins[axis]
        along *= along
        square += along
    return square


def _arcs(square: Array) -> Array:
    """Along the sphere: twice the arcsine of half the chord."""
    chord: Array = np.sqrt(square)
    if square.max() < _NEAR**2:
        series = square * (3.0 / 640.0)
        series += 1.0 / 24.0
        series *= square
        series += 1.0
        chord *= series
        return chord
    far: Array = 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0))
    return far
