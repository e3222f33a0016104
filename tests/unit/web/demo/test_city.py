"""The synthetic city: the same for the same seed, in its bounds, and served by its crews."""

from __future__ import annotations

from random import Random

import msgspec

from actors.domain.dispatch import provides
from actors.domain.travel import great_circle_m
from actors.domain.values import ALS, BLS
from web.demo.city import (
    BLOCK_M,
    CENTRE,
    HOSPITALS,
    PATIENTS,
    REACH,
    STATIONS,
    UNITS,
    build,
    corner,
    scene,
)
from web.paramedics.schemas import ParamedicBody

# From the middle to the corner of the square, and a little for rounding.
FARTHEST_M = REACH * BLOCK_M * 2**0.5 + 10


def test_a_seed_is_a_city() -> None:
    assert build(1) == build(1)
    assert build(1) != build(2)


def test_it_has_what_a_service_needs() -> None:
    plan = build(1)
    assert len(plan.units) == UNITS
    assert (len(set(plan.stations)), len(set(plan.hospitals))) == (STATIONS, HOSPITALS)
    assert len(set(plan.patients)) == PATIENTS
    assert not {doctor.name.removeprefix("Dr ") for doctor in plan.doctors} & set(plan.patients)
    assert len({unit.id for unit in plan.units}) == UNITS
    assert all(provides(unit.skills, [BLS]) for unit in plan.units)
    assert sum(provides(unit.skills, [ALS]) for unit in plan.units) == UNITS * 2 // 3


def test_its_units_are_what_the_api_takes() -> None:
    for unit in build(1).units:
        body = {
            "name": unit.id,
            "region": "city",
            "skills": unit.skills,
            "vehicle": unit.vehicle,
        }
        msgspec.convert(body, ParamedicBody)


def test_everything_lies_within_its_limits() -> None:
    plan = build(1)
    chance = Random(7)
    scenes = [scene(plan, chance)[0] for _ in range(2_000)]
    for place in (*plan.stations, *plan.hospitals, *plan.squares, *scenes):
        assert great_circle_m(CENTRE, place) <= FARTHEST_M


def test_a_block_is_as_long_as_it_says() -> None:
    assert abs(great_circle_m(CENTRE, corner(1, 0)) - BLOCK_M) < 1
    assert abs(great_circle_m(corner(3, 4), corner(3, 5)) - BLOCK_M) < 1


def test_addresses_lie_on_streets() -> None:
    plan = build(1)
    place, address = scene(plan, Random(3))
    assert address.endswith(" Street")
    blocks = great_circle_m(CENTRE, msgspec.structs.replace(place, lon=CENTRE.lon)) / BLOCK_M
    assert abs(blocks - round(blocks)) < 0.01
