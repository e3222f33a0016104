"""A scenario's travel over roads: its travel.csv, or hour by hour while it is played."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from actors.csv_table import FileRefused
from actors.roads.network import RoadNetwork, read_folder
from actors.roads.travel import RoadTravel, between
from actors.simulator.reading import load
from actors.simulator.scenario import Scenario
from actors.simulator.writer import write_travel

# A place that is farther from its street belongs to another city than the network.
_FARTHEST_M = 2000.0


class Paved(Struct, frozen=True):
    """What was written: `places` squared times. `farthest_m`: from a place to its node."""

    places: int
    farthest_m: float


def pave(folder: Path, network: RoadNetwork, at_s: float, cache: Path | None) -> Paved:
    """Write travel.csv into a scenario's folder: times for those who leave at `at_s`, seconds
    from midnight. Raises FileRefused, OSError, and ValueError for too many places.
    """
    scenario = load(folder)
    travel = travel_over(scenario, network, cache)
    write_travel(
        folder,
        scenario.place_ids,
        [[travel.seconds(a, b, at_s) for b in scenario.places] for a in scenario.places],
    )
    return Paved(len(scenario.places), travel.farthest_m(scenario.places))


def by_roads(scenario: Scenario, folder: Path, cache: Path | None = None) -> Scenario:
    """The scenario with travel over the network in `folder` (road_network.py), by the hour.

    Raises FileRefused, ValueError, OSError.
    """
    return replace(scenario, travel=travel_over(scenario, read_folder(folder), cache))


def travel_over(scenario: Scenario, network: RoadNetwork, cache: Path | None) -> RoadTravel:
    """The estimate, hours of the day included: a scenario's time 0 is a midnight.

    Raises FileRefused where places lie off the network; ValueError, OSError as road_times.
    """
    if network.sphere != scenario.sphere:
        kinds = {True: "id,lat,lon", False: "id,x,y"}
        expected = f"expected nodes as {kinds[scenario.sphere]}, as the scenario's locations are"
        raise FileRefused("nodes.csv", None, expected)
    travel = between(network, scenario.places, cache)
    farthest = travel.farthest_m(scenario.places)
    if farthest > _FARTHEST_M:
        expected = f"expected a node within {_FARTHEST_M:g} m of each place, not {farthest:.0f} m"
        raise FileRefused("nodes.csv", None, expected)
    return travel
