"""Units of a record: skills, bases, and which are the busiest."""

from __future__ import annotations

import pytest

from actors.domain.dispatch import provides
from actors.domain.values import ALS, BLS, Location
from actors.fire_calls.export import read
from actors.fire_calls.fleet import Unit, fleet_of
from tests.unit.actors.fire_calls.export_file import export


def fleet(*changes: dict[str, str], most: int | None = None) -> tuple[Unit, ...]:
    numbered = ({"Call Number": str(n), **change} for n, change in enumerate(changes))
    return fleet_of(read(export(*numbered), "calls.csv").rows, most)


@pytest.mark.parametrize(
    ("type_", "als", "advanced", "basic"),
    [
        ("MEDIC", "true", True, True),
        ("RESCUE CAPTAIN", "true", True, True),
        ("ENGINE", "true", True, True),
        ("ENGINE", "false", False, True),
        ("PRIVATE", "false", False, True),
        ("TRUCK", "false", False, True),
        ("CHIEF", "false", False, False),
        ("SUPPORT", "true", False, False),
        ("A NEW KIND", "false", False, True),
    ],
)
def test_skills_follow_from_the_unit_type(
    type_: str, als: str, advanced: bool, basic: bool
) -> None:
    (unit,) = fleet({"Unit Type": type_, "ALS Unit": als})
    assert provides(unit.skills, [ALS]) is advanced
    assert provides(unit.skills, [BLS]) is basic


def test_an_engine_is_what_it_mostly_was() -> None:
    (unit,) = fleet(
        *({"Unit Type": "ENGINE", "ALS Unit": als} for als in ("true", "false", "false"))
    )
    assert not provides(unit.skills, [ALS])


def test_a_base_is_the_middle_of_the_station_area_a_unit_serves_most() -> None:
    north = {"Station Area": "01", "Location": "(37.80, -122.40)"}
    south = {"Station Area": "02"}
    units = fleet(
        {"Unit ID": "A", **north},
        {"Unit ID": "A", **south, "Location": "(37.70, -122.40)"},
        {"Unit ID": "A", **south, "Location": "(37.72, -122.44)"},
        {"Unit ID": "B", **north},
    )
    assert [unit.id for unit in units] == ["A", "B"]
    assert units[0].base.lat == pytest.approx(37.71)
    assert units[0].base.lon == pytest.approx(-122.42)
    assert units[1].base == Location(37.80, -122.40)


def test_the_busiest_are_those_that_can_treat() -> None:
    units = fleet(
        *({"Unit ID": "B01", "Unit Type": "CHIEF"} for _ in range(4)),
        *({"Unit ID": "85"} for _ in range(3)),
        *({"Unit ID": "86"} for _ in range(2)),
        {"Unit ID": "87"},
        most=2,
    )
    assert [(unit.id, unit.runs) for unit in units] == [("85", 3), ("86", 2)]
