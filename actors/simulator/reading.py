"""Reads a scenario's folder. All of it or nothing: what is malformed is refused, and said where."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from math import hypot, inf, nan, pi
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from actors.csv_table import FileRefused, Table, text_of
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.travel import EARTH_RADIUS_M, TravelEstimate
from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place
from actors.simulator.scenario import Call, Scenario, Unit
from actors.simulator.skills import able
from actors.simulator.travel import MatrixTravel, StraightTravel

SETTINGS: Final = "scenario.toml"
LOCATIONS: Final = "locations.csv"
TRAVEL: Final = "travel.csv"
UNITS: Final = "units.csv"
HOSPITALS: Final = "hospitals.csv"
CALLS: Final = "calls.csv"

_CALL: Final = ("id", "at_s", "location", "priority", "on_scene_s", "transport", "handover_s")
_PRIORITIES: Final = {"1": 1, "2": 2, "3": 3, "4": 4}
# No time in a scenario is longer, seconds: 30,000 years. So a sum over a million of them is still
# known to some seconds; much beyond, a moment and that of an offer's end are the same number.
LONGEST_S: Final = 1e12


class _Settings(Struct, frozen=True, kw_only=True):
    name: str
    policy: str
    return_speed_factor: float
    speed_mps: float | None
    targets: dict[int, float]


def load(folder: Path) -> Scenario:
    """The scenario in `folder`. Raises FileRefused with the file, the line, the expectation."""
    if not folder.is_dir():
        raise FileRefused(str(folder), None, "expected a folder with a scenario's files")
    settings = _settings(folder / SETTINGS)
    places, sphere = _places(folder / LOCATIONS)
    nearest = NearestPlace(tuple(places.values()), sphere=sphere)
    travel = _travel(folder / TRAVEL, settings, places, nearest, sphere)
    units = _units(folder / UNITS, places)
    hospitals = _hospitals(folder / HOSPITALS, places)
    calls = _calls(folder / CALLS, places, units, able_to_transport=bool(hospitals))
    return Scenario(
        name=settings.name,
        policy=settings.policy,
        return_speed_factor=settings.return_speed_factor,
        targets=settings.targets,
        place_ids=tuple(places),
        places=tuple(places.values()),
        sphere=sphere,
        nearest=nearest,
        travel=travel,
        units=units,
        hospitals=hospitals,
        calls=calls,
    )


# --- scenario.toml


class _Keys:
    """A TOML file's keys, taken out one by one; what is left over is unknown."""

    def __init__(self, path: Path) -> None:
        self._file = path.name
        self._text = text_of(path)
        try:
            self.left: dict[str, Any] = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            said = re.search(r"at line (\d+)", str(error))
            line = int(said[1]) if said else self._text.count("\n") + 1
            raise FileRefused(self._file, line, f"expected TOML: {error}") from None

    def refused(self, key: str, expected: str) -> FileRefused:
        lines = self._text.splitlines()
        pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
        line = next((n for n, text in enumerate(lines, 1) if pattern.match(text)), None)
        return FileRefused(self._file, line, expected)

    def words(self, key: str, default: str | None = None) -> str:
        value = self.left.pop(key, default)
        if not isinstance(value, str) or not value:
            raise self.refused(key, f"expected {key} to be a text")
        return value

    def positive(self, key: str, value: Any) -> float:
        try:
            number = nan if isinstance(value, bool | str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = nan
        if not 0.0 < number < inf:
            raise self.refused(key, f"expected {key} to be a number above 0")
        return number


def _settings(path: Path) -> _Settings:
    keys = _Keys(path)
    policy = keys.words("policy", "closest_idle")
    try:
        policy_named(policy)
    except ValueError as error:
        raise keys.refused("policy", str(error)) from None
    speed_mps = keys.left.pop("speed_mps", None)
    settings = _Settings(
        name=keys.words("name", path.parent.resolve().name or "scenario"),
        policy=policy,
        return_speed_factor=keys.positive(
            "return_speed_factor", keys.left.pop("return_speed_factor", 1.0)
        ),
        speed_mps=None if speed_mps is None else keys.positive("speed_mps", speed_mps),
        targets=_targets(keys, keys.left.pop("targets", {})),
    )
    for key in keys.left:
        raise keys.refused(
            key,
            f"unknown key {key!r}; expected name, policy, return_speed_factor, speed_mps, targets",
        )
    return settings


def _targets(keys: _Keys, table: object) -> dict[int, float]:
    if not isinstance(table, dict):
        raise keys.refused("targets", "expected targets to be a table")
    targets: dict[int, float] = {}
    for key, value in table.items():
        if key[:1] != "p" or key[1:] not in _PRIORITIES:
            raise keys.refused(key, f"unknown target {key!r}; expected p1, p2, p3 or p4")
        targets[_PRIORITIES[key[1:]]] = keys.positive(key, value)
    return targets


# --- the tables


def _places(path: Path) -> tuple[dict[str, Place], bool]:
    """By id, and whether they are on the sphere."""
    table = Table(path, ("id",), ("x_m", "y_m", "lat", "lon"))
    kinds = {frozenset({"x_m", "y_m"}): False, frozenset({"lat", "lon"}): True}
    sphere = kinds.get(frozenset(table.columns) - {"id"})
    if sphere is None:
        raise table.refused("expected the columns id,x_m,y_m or id,lat,lon")
    down, across = ("lat", "lon") if sphere else ("y_m", "x_m")
    name_at, down_at, across_at = (table.columns[name] for name in ("id", down, across))
    places: dict[str, Place] = {}
    most = {"lat": 90.0, "lon": 180.0}.get
    for row in table:
        name = table.name(row[name_at], "id")
        if name in places:
            raise table.refused(f"expected each id once, not {name!r} again")
        # Coordinates have no natural bound on a plane; their squares must still be numbers.
        bounds = most(down, 1e100), most(across, 1e100)
        places[name] = Place(
            table.number(row[down_at], down, -bounds[0], bounds[0]),
            table.number(row[across_at], across, -bounds[1], bounds[1]),
            index=len(places),
        )
    if not places:
        raise table.refused("expected at least one location")
    return places, sphere


def _at(table: Table, places: Mapping[str, Place], text: str, column: str) -> Place:
    place = places.get(text)
    if place is None:
        raise table.refused(f"expected {column} to be a location of {LOCATIONS}, not {text!r}")
    return place


def _travel(
    path: Path,
    settings: _Settings,
    places: Mapping[str, Place],
    nearest: NearestPlace,
    sphere: bool,
) -> TravelEstimate:
    if path.exists():
        return MatrixTravel(_matrix(path, places), nearest)
    if settings.speed_mps is None:
        raise FileRefused(SETTINGS, None, f"expected speed_mps, for there is no {TRAVEL}")
    if not _farthest_m(places.values(), sphere) / settings.speed_mps <= LONGEST_S:
        expected = f"expected speed_mps by which no way takes longer than {LONGEST_S:g} s"
        raise FileRefused(SETTINGS, None, f"{expected}, not {settings.speed_mps!r}")
    return StraightTravel(settings.speed_mps, sphere=sphere)


def _farthest_m(places: Iterable[Place], sphere: bool) -> float:
    """No two places are farther apart, metres: half around the earth, or corner to corner."""
    if sphere:
        return pi * EARTH_RADIUS_M
    north, east = zip(*((place.lat, place.lon) for place in places), strict=True)
    return hypot(max(north) - min(north), max(east) - min(east))


def _matrix(path: Path, places: Mapping[str, Place]) -> list[list[float]]:
    """Every ordered pair; from a place to itself it takes no time where no row says otherwise."""
    table = Table(path, ("from", "to", "seconds"))
    from_at, to_at, seconds_at = (table.columns[name] for name in ("from", "to", "seconds"))
    missing = -1.0
    index = {name: place.index for name, place in places.items()}
    rows = [[missing] * len(places) for _ in places]
    for row in table:
        origin, target = index.get(row[from_at]), index.get(row[to_at])
        if origin is None or target is None:
            column = "from" if origin is None else "to"
            _at(table, places, row[table.columns[column]], column)
        elif rows[origin][target] != missing:
            raise table.refused(f"expected {row[from_at]!r} to {row[to_at]!r} once")
        else:
            rows[origin][target] = table.number(row[seconds_at], "seconds", most=LONGEST_S)
    names = list(places)
    for origin, times in enumerate(rows):
        if times[origin] == missing:
            times[origin] = 0.0
        if missing in times:
            target = times.index(missing)
            table.line += 1
            raise table.refused(f"expected a row from {names[origin]!r} to {names[target]!r}")
    return rows


def _skills(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(text.split())))


def _units(path: Path, places: Mapping[str, Place]) -> tuple[Unit, ...]:
    table = Table(path, ("id", "base"), ("skills",))
    id_at, base_at = table.columns["id"], table.columns["base"]
    skills_at = table.columns.get("skills")
    units: dict[str, Unit] = {}
    for row in table:
        name = table.name(row[id_at], "id")
        if name in units:
            raise table.refused(f"expected each id once, not {name!r} again")
        skills = () if skills_at is None else _skills(row[skills_at])
        units[name] = Unit(name, _at(table, places, row[base_at], "base"), skills)
    if not units:
        raise table.refused("expected at least one unit")
    return tuple(units.values())


def _hospitals(path: Path, places: Mapping[str, Place]) -> tuple[Place, ...]:
    if not path.exists():
        return ()  # which is enough where nobody is transported
    table = Table(path, ("location",))
    hospitals: list[Place] = []
    for (name,) in table:
        hospital = _at(table, places, name, "location")
        if hospital in hospitals:
            raise table.refused(f"expected each location once, not {name!r} again")
        hospitals.append(hospital)
    return tuple(hospitals)


def _calls(
    path: Path, places: Mapping[str, Place], units: Sequence[Unit], *, able_to_transport: bool
) -> tuple[Call, ...]:
    table = Table(path, _CALL, ("needs",))
    id_at, at_at, location_at, priority_at, scene_at, transport_at, handover_at = (
        table.columns[name] for name in _CALL
    )
    needs_at = table.columns.get("needs")
    served: dict[tuple[str, ...], bool] = {(): True}
    seen: set[str] = set()
    calls: list[Call] = []
    before = 0.0
    for row in table:
        name = table.name(row[id_at], "id")
        if name in seen:
            raise table.refused(f"expected each id once, not {name!r} again")
        seen.add(name)
        at_s = table.number(row[at_at], "at_s", most=LONGEST_S)
        if at_s < before:
            raise table.refused(f"expected at_s in order, not {at_s!r} after {before!r}")
        before = at_s
        priority = _PRIORITIES.get(row[priority_at])
        if priority is None:
            raise table.refused(f"expected priority to be 1, 2, 3 or 4, not {row[priority_at]!r}")
        transport = row[transport_at]
        if transport not in ("0", "1"):
            raise table.refused(f"expected transport to be 0 or 1, not {transport!r}")
        if transport == "1" and not able_to_transport:
            raise table.refused(f"expected a hospital in {HOSPITALS} for a call with transport")
        needs = () if needs_at is None else _skills(row[needs_at])
        if needs not in served:
            served[needs] = any(able(unit.skills, needs) for unit in units)
        if not served[needs]:
            raise table.refused(f"expected needs that some unit has, not {' '.join(needs)!r}")
        calls.append(
            Call(
                name,
                at_s,
                _at(table, places, row[location_at], "location"),
                priority,
                table.number(row[scene_at], "on_scene_s", most=LONGEST_S),
                transport == "1",
                # Of a call without transport it means nothing, and may be left out.
                table.number(
                    row[handover_at] or "0" * (transport == "0"), "handover_s", most=LONGEST_S
                ),
                needs,
            )
        )
    return tuple(calls)
