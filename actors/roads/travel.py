"""Travel over a road network, as the dispatch policies ask for it: a TravelEstimate.

A place's nearest node stands for it, with the way there and back at walking roads' speed. The
network's times change with the hour of the day. A drive over the full hour is driven in parts: in
each hour it makes the share of its way that the hour's travel time allows (the speed model of
Ichoua, Gendreau, Potvin 2003, doi:10.1016/S0377-2217(02)00147-9, on the whole way instead of on
each street). So nobody who leaves later arrives earlier (FIFO), which a table looked up by the
hour of leaving would break at each full hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from math import cos, floor, hypot, inf, isinf, radians
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from actors.csv_table import FileRefused
from actors.domain.travel import EARTH_RADIUS_M, GreatCircle
from actors.domain.values import Location
from actors.roads.network import RoadNetwork, read_folder
from actors.roads.times import RoadTimes, road_times

_HOUR_S: Final = 3600.0
_DAY_HOURS: Final = 24
# From the network's nearest node to a door: yards, drives, alleys.
_ACCESS_MPS: Final = 5.0
# Snapped places are remembered; beyond so many (a day of moving units) all are forgotten at once.
_REMEMBERED: Final = 65_536


class RoadTravel:
    """See above. `start` is what `at` 0 means: None takes it as midnight (a scenario's time);
    a zone takes `at` as Unix time, with hours local to the zone.

    Where there is no way between two nodes, travel is estimated by GreatCircle and half as fast:
    such a place is hard to reach, not impossible.
    """

    def __init__(
        self,
        network: RoadNetwork,
        times: RoadTimes,
        nodes: Sequence[int],
        zone: tzinfo | None = None,
    ) -> None:
        self._at = network.at
        self._sphere = network.sphere
        self._times = times
        self._zone = zone
        self._middle_lat = float(network.at[:, 1].mean()) if network.sphere else 0.0
        self._tree = cKDTree(self._plane(network.at[list(nodes)]))
        self._snapped: dict[tuple[float, float], tuple[int, float]] = {}
        best = network.factors.max(axis=1)[network.road_class] * network.speed_mps
        arcs = network.straight_m * best / np.maximum(network.metres, 1e-9)
        # Off the network and where it does not lead, slower estimates hold. Times are kept in
        # single precision.
        self._fastest = max(float(arcs.max()), GreatCircle().fastest_mps) * (1 + 1e-6)

    @property
    def fastest_mps(self) -> float | None:
        """See TravelEstimate. None on a plane: there is no great circle to compare with."""
        return self._fastest if self._sphere else None

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        """See TravelEstimate."""
        if origin.lat == target.lat and origin.lon == target.lon:
            return 0.0
        start, from_m = self.nearest(origin)
        end, to_m = self.nearest(target)
        if start == end:
            return (from_m + to_m) / _ACCESS_MPS
        leaving = at + from_m / _ACCESS_MPS
        driven = self._driven(start, end, leaving)
        if isinf(driven):
            return 2 * self._straight_s(origin, target)
        return leaving + driven + to_m / _ACCESS_MPS - at

    def farthest_m(self, places: Sequence[Location]) -> float:
        """The longest way from one of these places to its node: over a kilometre, another city's
        network is used.
        """
        return max((self.nearest(place)[1] for place in places), default=0.0)

    def _driven(self, start: int, end: int, at: float) -> float:
        """Seconds from node to node when leaving at `at`: hour by hour, until the way is made."""
        times, kind_of_hour = self._times.seconds, self._times.kind_of_hour
        if len(times) == 1:
            return float(times[0, start, end])
        hour, left_s = self._hour(at)
        taken, left = 0.0, 1.0
        while True:
            whole = float(times[kind_of_hour[hour], start, end])
            if whole * left <= left_s or isinf(whole):
                return taken + whole * left
            left -= left_s / whole
            taken += left_s
            hour, left_s = (hour + 1) % _DAY_HOURS, _HOUR_S

    def _hour(self, at: float) -> tuple[int, float]:
        """The hour of the day, and the seconds that are left of it."""
        local = at
        if self._zone is not None:
            offset = datetime.fromtimestamp(at, UTC).astimezone(self._zone).utcoffset()
            local += offset.total_seconds() if offset is not None else 0.0
        hours = floor(local / _HOUR_S)
        return hours % _DAY_HOURS, (hours + 1) * _HOUR_S - local

    def nearest(self, place: Location) -> tuple[int, float]:
        """The nearest of the nodes, and the metres to it."""
        key = (place.lon, place.lat)
        found = self._snapped.get(key)
        if found is None:
            far, node = self._tree.query(self._plane(np.array([key]))[0])
            found = int(node), float(far)
            if len(self._snapped) >= _REMEMBERED:
                self._snapped.clear()
            self._snapped[key] = found
        return found

    def _plane(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """(x, y) metres; for degrees the equirectangular projection at the network's middle."""
        if not self._sphere:
            return at
        metre = radians(1.0) * EARTH_RADIUS_M
        flat: NDArray[np.float64] = at * (metre * cos(radians(self._middle_lat)), metre)
        return flat

    def _straight_s(self, origin: Location, target: Location) -> float:
        if self._sphere:
            return GreatCircle().seconds(origin, target)
        return hypot(origin.lat - target.lat, origin.lon - target.lon) / GreatCircle().fastest_mps


def between(
    network: RoadNetwork, places: Sequence[Location], cache: Path | None = None
) -> RoadTravel:
    """The estimate for a scenario's places, whatever the size of the network. `at` is scenario
    time. Raises ValueError, OSError as road_times does.
    """
    everywhere = RoadTravel(network, _NO_TIMES, range(len(network.ids)))
    nodes = sorted({everywhere.nearest(place)[0] for place in places})
    return RoadTravel(network, road_times(network, nodes, cache), nodes)


def load_roads(folder: Path, cache: Path | None, zone: tzinfo) -> RoadTravel:
    """The estimate for live dispatch: `folder` has nodes.csv, arcs.csv and perhaps hours.csv.

    Every node can be looked up. Raises FileRefused; ValueError for a network of more than
    road_times.MOST_NODES nodes; OSError.
    """
    network = read_folder(folder)
    if not network.sphere:
        raise FileRefused("nodes.csv", 1, "expected nodes as id,lat,lon: live, places are degrees")
    nodes = range(len(network.ids))
    return RoadTravel(network, road_times(network, nodes, cache), nodes, zone)


_NO_TIMES: Final = RoadTimes(np.full((1, 1, 1), inf, np.float32), (0,) * _DAY_HOURS)
