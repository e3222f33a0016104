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

from actors.csv_table import FileRefused
from actors.domain.places import Array, Places, planar_distances
from actors.domain.travel import EARTH_RADIUS_M, GreatCircle
from actors.domain.values import Location
from actors.roads.network import RoadNetwork, read_folder
from actors.roads.snapping import Snapping
from actors.roads.times import RoadTimes, road_times

_HOUR_S: Final = 3600.0
_DAY_HOURS: Final = 24
# Hours whose offset is remembered: some weeks.
_OFFSETS: Final = 1000
Nodes = NDArray[np.int64]
# From the network's nearest node to a door: yards, drives, alleys.
_ACCESS_MPS: Final = 5.0


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
        self._sphere = network.sphere
        # A plain view of what may be mapped: each look at a mapped array makes another of these.
        self._seconds = np.asarray(times.seconds)
        self._kind_of_hour = times.kind_of_hour
        # Where an hour's times begin, all times in a row.
        self._begin_of_hour = np.array(times.kind_of_hour) * times.seconds[0].size
        self._zone = zone
        # Of local time in each hour asked about; None: clocks are changed in it.
        self._offsets: dict[float, float | None] = {}
        self._middle_lat = float(network.at[:, 1].mean()) if network.sphere else 0.0
        self._snapping = Snapping(network.at[list(nodes)], self._plane)
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

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        """See TravelEstimate. What `seconds` says, but for nine digits of it where there is no way
        between two nodes.
        """
        places = [*origins.locations, *targets.locations]
        number, node, metres = self._snapping.each(places)
        column, row = slice(0, len(origins)), slice(len(origins), None)
        starts, ends = node[column], node[row, None]
        access_s = metres / _ACCESS_MPS
        leaving = at + access_s[column]
        taken = leaving + self._driven_each(starts, ends, leaving)
        taken += access_s[row, None]
        taken -= at
        lost = np.isinf(taken)
        if lost.any():
            taken[lost] = 2 * self._straight_each(origins, targets)[lost]
        near = starts == ends
        if near.any():
            taken[near] = ((metres[column] + metres[row, None]) / _ACCESS_MPS)[near]
            taken[number[column] == number[row, None]] = 0.0
        return taken

    def farthest_m(self, places: Sequence[Location]) -> float:
        """The longest way from one of these places to its node: over a kilometre, another city's
        network is used.
        """
        return max((self.nearest(place)[1] for place in places), default=0.0)

    def _driven(self, start: int, end: int, at: float) -> float:
        """Seconds from node to node when leaving at `at`: hour by hour, until the way is made."""
        times, kind_of_hour = self._seconds, self._kind_of_hour
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
        local = at + self._offset_s(at)
        hours = floor(local / _HOUR_S)
        return hours % _DAY_HOURS, (hours + 1) * _HOUR_S - local

    def _driven_each(self, starts: Nodes, ends: Nodes, at: Array) -> Array:
        """As _driven, from each start to each end: a row an end, which stand one below the other.

        `at`: when which start is left.
        """
        times = self._seconds
        nodes = times.shape[-1]
        flat, pairs = times.reshape(-1), starts * nodes + ends
        taken: Array
        if len(times) == 1:
            taken = flat.take(pairs).astype(np.float64)
            return taken
        of_hour = self._begin_of_hour
        hour, left_s = self._hour_each(at)
        taken = flat.take(pairs + of_hour[hour]).astype(np.float64)
        late = taken > left_s
        if not late.any():
            return taken
        row, column = (late & (taken < inf)).nonzero()
        pair, way = pairs[row, column], taken[row, column]
        hour, left_s = hour[column], left_s[column]
        spent, left = np.zeros(len(pair)), np.ones(len(pair))
        while len(pair):
            left -= left_s / way
            spent += left_s
            hour = (hour + 1) % _DAY_HOURS
            left_s = np.full(len(pair), _HOUR_S)
            way = flat.take(pair + of_hour[hour]).astype(np.float64)
            rest = way * left
            there = (rest <= left_s) | np.isinf(way)
            taken[row[there], column[there]] = (spent + rest)[there]
            on = ~there
            row, column, pair, way, hour, left_s, spent, left = (
                of[on] for of in (row, column, pair, way, hour, left_s, spent, left)
            )
        return taken

    def _hour_each(self, at: Array) -> tuple[Nodes, Array]:
        """As _hour, of each."""
        if not len(at):
            return np.empty(0, np.int64), at
        first, last = self._offset_s(float(at.min())), self._offset_s(float(at.max()))
        if first == last:  # clocks are not changed twice in the time of a walk to the car
            local = at + first
        else:
            local = at + np.array([self._offset_s(one) for one in at.tolist()])
        hours = np.floor(local / _HOUR_S)
        return hours.astype(np.int64) % _DAY_HOURS, (hours + 1) * _HOUR_S - local

    def _offset_s(self, at: float) -> float:
        """Of local time to that of `at`."""
        zone = self._zone
        if zone is None:
            return 0.0
        hour = at // _HOUR_S
        if hour not in self._offsets:
            if len(self._offsets) >= _OFFSETS:
                self._offsets.clear()
            begin, end = (_offset_s(zone, (hour + n) * _HOUR_S) for n in (0, 1))
            self._offsets[hour] = begin if begin == end else None
        known = self._offsets[hour]
        return _offset_s(zone, at) if known is None else known

    def nearest(self, place: Location) -> tuple[int, float]:
        """The nearest of the nodes, and the metres to it."""
        return self._snapping.one(place)

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

    def _straight_each(self, origins: Places, targets: Places) -> Array:
        if self._sphere:
            return GreatCircle().table(origins, targets)
        straight = planar_distances(origins, targets)
        straight /= GreatCircle().fastest_mps
        return straight


def _offset_s(zone: tzinfo, at: float) -> float:
    offset = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


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
