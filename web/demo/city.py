"""A city that does not exist: streets in a grid, stations, hospitals, people. From a seed.

The same seed gives the same city, so that a demo started again goes on with the people it had.
"""

from __future__ import annotations

from math import cos, radians
from random import Random
from typing import Final

from msgspec import Struct

from actors.domain.travel import EARTH_RADIUS_M
from actors.domain.values import ALS, BLS, Location
from actors.fire_calls.fleet import Unit

# Open sea, so that nobody takes it for a place: 0°N 0°E is where maps put what has no address.
CENTRE: Final = Location(0.0, 0.0)
BLOCK_M: Final = 250.0
# From the middle to the edge, blocks: a city of 10 by 10 kilometres.
REACH: Final = 20
STATIONS: Final = 8
HOSPITALS: Final = 3
UNITS: Final = 24
PATIENTS: Final = 40
# Two of three ambulances are advanced.
_ADVANCED_OF: Final = 3
# Calls gather around this many squares, as they do around stations and markets.
_SQUARES: Final = 5
_GATHERED: Final = 0.6

_FIRST = ("Asha", "Bilal", "Chitra", "Dev", "Esther", "Farid", "Gita", "Hari", "Irene", "Jai")
_LAST = ("Rao", "Khan", "Iyer", "Das", "Thomas", "Singh", "Nair", "Bose")
_FIELDS = ("emergency_medicine", "cardiology", "paediatrics", "general_medicine")


class DoctorPlan(Struct, frozen=True):
    name: str
    specialty: str
    registration_number: str


class CityPlan(Struct, frozen=True, kw_only=True):
    """Where everything is, and who lives and works there."""

    hospitals: tuple[Location, ...]
    stations: tuple[Location, ...]
    squares: tuple[Location, ...]
    units: tuple[Unit, ...]
    patients: tuple[str, ...]
    doctors: tuple[DoctorPlan, ...]


def build(seed: int) -> CityPlan:
    """The city of this seed."""
    chance = Random(f"city {seed}")  # noqa: S311  to be the same again, not a secret
    stations = tuple(_spread(chance, STATIONS))
    people = [f"{first} {last}" for last in _LAST for first in _FIRST]
    chance.shuffle(people)
    return CityPlan(
        hospitals=tuple(_spread(chance, HOSPITALS)),
        stations=stations,
        squares=tuple(_spread(chance, _SQUARES)),
        units=tuple(_unit(number, stations) for number in range(UNITS)),
        patients=tuple(people[:PATIENTS]),
        doctors=tuple(
            DoctorPlan(f"Dr {people[PATIENTS + n]}", field, f"DEMO-{n + 1:04d}")
            for n, field in enumerate(_FIELDS)
        ),
    )


def _unit(number: int, stations: tuple[Location, ...]) -> Unit:
    advanced = number % _ADVANCED_OF != _ADVANCED_OF - 1
    return Unit(
        id=f"{'Medic' if advanced else 'Rescue'} {number + 1:02d}",
        type="MEDIC" if advanced else "PRIVATE",
        skills=(ALS, BLS) if advanced else (BLS,),
        vehicle="ambulance",
        base=stations[number % len(stations)],
        runs=0,
    )


def corner(east: float, north: float) -> Location:
    """The place this many blocks from the middle."""
    metres_per_degree = radians(1.0) * EARTH_RADIUS_M
    lat = CENTRE.lat + north * BLOCK_M / metres_per_degree
    lon = CENTRE.lon + east * BLOCK_M / (metres_per_degree * cos(radians(CENTRE.lat)))
    return Location(round(lat, 6), round(lon, 6))


def _spread(chance: Random, count: int) -> list[Location]:
    """Corners all over the city: one in each of `count` sectors around the middle."""
    turn = chance.random()
    places = []
    for n in range(count):
        angle = 360.0 * (n + turn) / count
        reach = REACH * chance.uniform(0.35, 0.8)
        places.append(
            corner(round(reach * cos(radians(angle))), round(reach * cos(radians(angle - 90))))
        )
    return places


def scene(plan: CityPlan, chance: Random) -> tuple[Location, str]:
    """Where somebody calls from, on a street, and its address."""
    if chance.random() < _GATHERED:
        square = chance.choice(plan.squares)
        per_block = BLOCK_M / (radians(1.0) * EARTH_RADIUS_M)
        east = (square.lon - CENTRE.lon) / per_block + chance.gauss(0, 3)
        north = (square.lat - CENTRE.lat) / per_block + chance.gauss(0, 3)
    else:
        east, north = chance.uniform(-REACH, REACH), chance.uniform(-REACH, REACH)
    east, north = (max(-REACH, min(REACH, blocks)) for blocks in (east, north))
    street, house = round(north), round((east + REACH) * 10)
    side = "North" if street >= 0 else "South"
    return corner(east, street), f"{house} {side} {abs(street)} Street"
