"""The units of a record: what they can do, and where they wait."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from actors.domain.values import ALS, BLS, Location
from actors.fire_calls.row import Row

RESCUE: Final = "rescue"
# What a unit type can do besides what `ALS Unit` says of its crew. Chiefs, support and
# investigators treat nobody: they are on duty, on the map, and never asked.
_SKILLS: Final[Mapping[str, tuple[str, ...]]] = {
    "MEDIC": (ALS, BLS),
    "RESCUE CAPTAIN": (ALS, BLS),
    "PRIVATE": (BLS,),
    "ENGINE": (BLS,),
    "TRUCK": (BLS, RESCUE),
    "RESCUE SQUAD": (BLS, RESCUE),
    "CHIEF": (),
    "SUPPORT": (),
    "INVESTIGATION": (),
}
_VEHICLES: Final[Mapping[str, str]] = {
    "MEDIC": "ambulance",
    "PRIVATE": "ambulance",
    "ENGINE": "engine",
    "TRUCK": "truck",
    "RESCUE SQUAD": "truck",
}
_OTHER_VEHICLE: Final = "car"


class Unit(Struct, frozen=True, kw_only=True):
    """`id`: as in the record. `base`: where it waits. `runs`: how many calls it was sent to."""

    id: str
    type: str
    skills: tuple[str, ...]
    vehicle: str
    base: Location
    runs: int


def fleet_of(rows: Sequence[Row], most: int | None = None) -> tuple[Unit, ...]:
    """The units of these rows, or the `most` busiest that can treat somebody; ordered by id.

    The export does not say where units are stationed. A unit's base is the middle of all calls of
    the station area that it was sent to most.
    """
    centres = centres_of(rows)
    by_unit: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_unit[row.unit].append(row)
    units = [_unit(id_, of_unit, centres) for id_, of_unit in by_unit.items()]
    if most is not None:
        units.sort(key=lambda unit: (not unit.skills, -unit.runs, unit.id))
        units = units[:most]
    return tuple(sorted(units, key=lambda unit: unit.id))


def _unit(id_: str, rows: Sequence[Row], centres: Mapping[str, Location]) -> Unit:
    type_ = _most(row.unit_type for row in rows)
    skills = _SKILLS.get(type_, (BLS,))
    # A vehicle's level changes with its crew; it counts as what it mostly was.
    if type_ == "ENGINE" and sum(row.als for row in rows) * 2 > len(rows):
        skills = (ALS, *skills)
    return Unit(
        id=id_,
        type=type_,
        skills=skills,
        vehicle=_VEHICLES.get(type_, _OTHER_VEHICLE),
        base=centres[_most(row.station for row in rows)],
        runs=len(rows),
    )


def _most(values: Iterable[str]) -> str:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value))


def centres_of(rows: Iterable[Row]) -> dict[str, Location]:
    """By station area, the middle of its calls."""
    places: defaultdict[str, list[Location]] = defaultdict(list)
    for row in rows:
        places[row.station].append(row.location)
    return {
        station: Location(
            sum(place.lat for place in at) / len(at), sum(place.lon for place in at) / len(at)
        )
        for station, at in places.items()
    }
