"""Situations drawn at random, small enough to be crowded: few places, few skills, many ties."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from actors.domain.dispatch import BusyUnit, FreeUnit, Hotspot, Situation, Station, Waiting
from actors.domain.dispatch.situation import Part
from actors.domain.places import Array, Places
from actors.domain.task import TaskStep
from actors.domain.travel import GreatCircle
from actors.domain.values import Location

NOW = 10_000.0
# Few enough that two units often stand in one place, and equal ways are common.
PLACES = [
    Location(18.90 + row * 0.02, 72.80 + column * 0.02) for row in range(5) for column in range(4)
]
STEPS: list[TaskStep] = [
    "pending",
    "accepted",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
]

places = st.sampled_from(PLACES)
skills = st.sampled_from([(), ("bls",), ("als",), ("als", "rescue")])
needs = st.sampled_from([(), (), ("bls",), ("als",), ("rescue",)])
vehicle = st.sampled_from(["", "ambulance", "bike"])
vehicles = st.sampled_from([(), (), (), ("ambulance",), ("ambulance", "bike")])
raised_at = st.sampled_from([NOW, NOW - 10, NOW - 30, NOW - 100, NOW - 900, NOW - 4000])
unit_ids = st.integers(0, 14).map("u{:02}".format)

waiting = st.builds(
    Waiting,
    emergency=st.integers(0, 20).map("e{:02}".format),
    priority=st.integers(1, 4),
    raised_at=raised_at,
    location=places,
    needs=needs,
    refused_by=st.lists(unit_ids, max_size=3, unique=True).map(tuple),
    vehicles=vehicles,
    preempted=st.integers(0, 2),
)
free_unit = st.builds(
    FreeUnit,
    unit=unit_ids,
    location=places,
    skills=skills,
    vehicle=vehicle,
    station=st.sampled_from([None, "s0", "s1"]),
)
busy_unit = st.builds(
    BusyUnit,
    unit=st.integers(50, 64).map("u{:02}".format),
    location=places,
    skills=skills,
    vehicle=vehicle,
    emergency=st.integers(50, 99).map("e{:02}".format),
    priority=st.integers(1, 4),
    target=places,
    step=st.sampled_from(STEPS),
    preempted=st.integers(0, 3),
    free_at=st.sampled_from([NOW - 60, NOW, NOW + 20, NOW + 120, NOW + 500, NOW + 3000]),
    free_where=places,
    raised_at=raised_at,
)
STATIONS = tuple(Station(f"s{index}", place) for index, place in enumerate(PLACES[::7]))


def situations(
    max_waiting: int = 8, max_free: int = 8, max_busy: int = 6
) -> st.SearchStrategy[Situation]:
    return st.builds(
        lambda cases, free, busy, stations, demand: Situation(
            now=NOW,
            waiting=tuple(cases),
            free=tuple(free),
            busy=tuple(busy),
            stations=stations,
            demand=demand,
        ),
        st.lists(waiting, max_size=max_waiting, unique_by=lambda case: case.emergency),
        st.lists(free_unit, max_size=max_free, unique_by=lambda unit: unit.unit),
        st.lists(busy_unit, max_size=max_busy, unique_by=(lambda u: u.unit, lambda u: u.emergency)),
        st.sampled_from([(), STATIONS]),
        st.lists(st.builds(Hotspot, places, st.sampled_from([0.0, 0.5, 1.0, 3.0])), max_size=5).map(
            tuple
        ),
    )


def shown(situation: Situation, wants: frozenset[Part]) -> Situation:
    """What a dispatcher shows a policy that wants only that."""
    return Situation(
        now=situation.now,
        waiting=situation.waiting,
        free=situation.free,
        busy=situation.busy if "busy" in wants else (),
        stations=situation.stations if "stations" in wants else (),
        demand=situation.demand if "demand" in wants else (),
    )


class Winding:
    """Ways that are longer than the line by as much as one place says, and not the same back."""

    def __init__(self, fastest_mps: float | None = GreatCircle().fastest_mps) -> None:
        self.fastest_mps = fastest_mps

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        bend = 1.0 + (round(origin.lat * 50) * 7 + round(target.lon * 50) * 3) % 5 / 4
        return GreatCircle().seconds(origin, target) * bend

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        table = np.empty((len(targets), len(origins)))
        for row, target in enumerate(targets.locations):
            table[row] = [self.seconds(origin, target, at) for origin in origins.locations]
        return table
