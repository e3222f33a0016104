"""A road network out of CSV files, read and checked whole before anything of it is used.

- nodes.csv: `id,lat,lon` (WGS 84) or `id,x,y` (metres on a plane)
- arcs.csv: `from,to,metres,speed_mps`, or with `class` instead of or beside the speed; one way each
- hours.csv, optional: `hour,class,factor`: in this hour of the day (0 to 23, local) this class
  (empty: every one) drives at `speed * factor`; what is not named stays as it is

Raises FileRefused with the file, its line and what was expected; nothing is half-loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from actors.csv_table import Table
from actors.domain.travel import great_circle_m
from actors.domain.values import Location

HOURS: Final = 24

# Metres a second by OpenStreetMap's `highway`, of a vehicle with signals in a city, crossings
# included; of use where a file has no measured speeds.
CLASS_SPEEDS: Final[Mapping[str, float]] = {
    "motorway": 25.0,
    "trunk": 20.0,
    "primary": 15.0,
    "secondary": 13.0,
    "tertiary": 11.0,
    "unclassified": 9.0,
    "residential": 8.0,
    "living_street": 4.0,
    "service": 4.0,
}
# A walk, and what nothing on wheels reaches: beyond them a unit was mixed up.
_SLOWEST_MPS: Final = 0.1
_FASTEST_MPS: Final = 70.0
_FACTORS: Final = (0.01, 10.0)
# An arc shorter than the straight line between its ends was measured on another map.
_SHORTER: Final = 0.98
_SHORTER_M: Final = 5.0


class RoadNetwork(Struct, frozen=True, eq=False):
    """`at`: a row a node: (x, y) metres, or (lon, lat) degrees on the `sphere`.

    Arcs: `tail`, `head` (positions in `ids`), `metres`, `speed_mps`, `straight_m` (between the
    ends), `road_class` (a row of `factors`). `factors[class, hour]`: what the speed is multiplied
    by in that local hour.
    """

    ids: tuple[str, ...]
    at: NDArray[np.float64]
    sphere: bool
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    metres: NDArray[np.float64]
    straight_m: NDArray[np.float64]
    speed_mps: NDArray[np.float64]
    road_class: NDArray[np.int64]
    factors: NDArray[np.float64]

    def seconds_by_hour(self, hour: int) -> NDArray[np.float64]:
        """Each arc's travel time in this hour of the day."""
        taken: NDArray[np.float64] = self.metres / (
            self.speed_mps * self.factors[self.road_class, hour]
        )
        return taken


def read_network(nodes: Path, arcs: Path, hours: Path | None = None) -> RoadNetwork:
    """Raises FileRefused."""
    ids, at, sphere = _nodes(nodes)
    index = {id_: n for n, id_ in enumerate(ids)}
    table = Table(arcs, ("from", "to", "metres"), ("speed_mps", "class"))
    tail: list[int] = []
    head: list[int] = []
    metres: list[float] = []
    straight: list[float] = []
    speeds: list[float] = []
    classes: list[str] = []
    for row in table:
        start, end = (_node(table, row, column, index) for column in ("from", "to"))
        far = _between(at[start], at[end], sphere)
        long = table.number(_cell(table, row, "metres"), "metres")
        if long < far * _SHORTER - _SHORTER_M:
            raise table.refused(
                f"expected metres of at least the straight line, {far:.0f}, not {long:g}"
            )
        tail.append(start)
        head.append(end)
        metres.append(long)
        straight.append(far)
        classes.append(_cell(table, row, "class"))
        speeds.append(_speed(table, row))
    if not tail:
        raise table.refused("expected at least one arc")
    names = sorted(set(classes))
    return RoadNetwork(
        ids=ids,
        at=np.array(at),
        sphere=sphere,
        tail=np.array(tail),
        head=np.array(head),
        metres=np.array(metres),
        straight_m=np.array(straight),
        speed_mps=np.array(speeds),
        road_class=np.array([names.index(name) for name in classes]),
        factors=_factors(hours, names),
    )


def read_folder(folder: Path) -> RoadNetwork:
    """Of a folder with nodes.csv, arcs.csv and perhaps hours.csv. Raises FileRefused."""
    hours = folder / "hours.csv"
    return read_network(
        folder / "nodes.csv", folder / "arcs.csv", hours if hours.exists() else None
    )


def _nodes(file: Path) -> tuple[tuple[str, ...], list[tuple[float, float]], bool]:
    """Ids, coordinates (across, up), and whether these are on the sphere."""
    table = Table(file, ("id",), ("lat", "lon", "x", "y"))
    kinds = {frozenset({"lat", "lon"}): True, frozenset({"x", "y"}): False}
    sphere = kinds.get(frozenset(table.columns) - {"id"})
    if sphere is None:
        raise table.refused("expected the columns id,lat,lon or id,x,y")
    axes = (("lon", 180.0), ("lat", 90.0)) if sphere else (("x", 1e9), ("y", 1e9))
    at: dict[str, tuple[float, float]] = {}
    for row in table:
        id_ = table.name(_cell(table, row, "id"), "id")
        if id_ in at:
            raise table.refused(f"expected each id once, not {id_!r} again")
        across, up = (
            table.number(_cell(table, row, axis), axis, -most, most) for axis, most in axes
        )
        at[id_] = across, up
    if not at:
        raise table.refused("expected at least one node")
    return tuple(at), list(at.values()), sphere


def _cell(table: Table, row: Sequence[str], column: str) -> str:
    """Empty where the file has no such column."""
    place = table.columns.get(column)
    return "" if place is None else row[place]


def _node(table: Table, row: Sequence[str], column: str, index: Mapping[str, int]) -> int:
    text = _cell(table, row, column)
    if text not in index:
        raise table.refused(f"expected {column} to be a node's id, not {text!r}")
    return index[text]


def _between(a: tuple[float, float], b: tuple[float, float], sphere: bool) -> float:
    if sphere:
        return great_circle_m(Location(a[1], a[0]), Location(b[1], b[0]))
    return math.dist(a, b)


def _speed(table: Table, row: Sequence[str]) -> float:
    said, kind = _cell(table, row, "speed_mps"), _cell(table, row, "class")
    if said:
        return table.number(said, "speed_mps", _SLOWEST_MPS, _FASTEST_MPS)
    if kind not in CLASS_SPEEDS:
        raise table.refused(f"expected a speed_mps, or a class of {', '.join(CLASS_SPEEDS)}")
    return CLASS_SPEEDS[kind]


def _factors(file: Path | None, names: Sequence[str]) -> NDArray[np.float64]:
    factors = np.ones((len(names), HOURS))
    if file is None:
        return factors
    table = Table(file, ("hour", "class", "factor"))
    hours = {str(hour): hour for hour in range(HOURS)}
    for row in table:
        hour, name = _cell(table, row, "hour"), _cell(table, row, "class")
        if hour not in hours:
            raise table.refused(f"expected hour to be 0 to 23, not {hour!r}")
        if name and name not in names:
            raise table.refused(f"expected a class that arcs have, or none, not {name!r}")
        factor = table.number(_cell(table, row, "factor"), "factor", *_FACTORS)
        factors[names.index(name) if name else slice(None), hours[hour]] = factor
    return factors
