"""How long a unit needs to a place. A Protocol: a road network or a matrix can take its place."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Protocol

from actors.domain.places import Array, Places, arcs
from actors.domain.values import Location

# Mean radius of WGS 84 (IUGG R1), metres.
EARTH_RADIUS_M = 6_371_008.8
_DIAMETER_M = 2 * EARTH_RADIUS_M


class TravelEstimate(Protocol):
    """Estimates travel times.

    `fastest_mps`: no trip's straight line is passed faster than this, so that far candidates need
    not be looked at; None where nothing is known (a matrix).
    """

    @property
    def fastest_mps(self) -> float | None: ...

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        """Travel time, seconds, when leaving at `at` (Unix time; only some estimates read it).

        Pure: the same for the same arguments.
        """
        ...

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        """All of these travel times at once, in a new array: one row a target, one column an
        origin. As `seconds` says, or as near to that as nine digits.
        """
        ...


def great_circle_m(a: Location, b: Location) -> float:
    """Distance on the sphere by the haversine formula, metres."""
    lat_a, lat_b = radians(a.lat), radians(b.lat)
    h = (
        sin((lat_b - lat_a) / 2) ** 2
        + cos(lat_a) * cos(lat_b) * sin(radians(b.lon - a.lon) / 2) ** 2
    )
    # Rounding can carry h a hair above 1 at antipodes.
    return _DIAMETER_M * asin(sqrt(h if h < 1.0 else 1.0))


@dataclass(frozen=True, slots=True)
class GreatCircle:
    """Great-circle distance, made longer by a road factor, at one speed.

    `road_factor`: roads to US hospitals are about 1.4 times the straight line (detour index,
    Boscoe, Henry, Zdeb 2012, doi:10.1080/00330124.2011.583586). `speed_mps`: 12 m/s (43 km/h), an
    ambulance with signals in a city, standing at crossings included. Both only scale the
    estimate: which unit is nearest does not depend on them.
    """

    road_factor: float = 1.4
    speed_mps: float = 12.0

    @property
    def fastest_mps(self) -> float:
        return self.speed_mps / self.road_factor

    def seconds(self, origin: Location, target: Location, at: float = 0.0) -> float:
        return great_circle_m(origin, target) * self.road_factor / self.speed_mps

    def table(self, origins: Places, targets: Places, at: float = 0.0) -> Array:
        return arcs(origins.points, targets.points, EARTH_RADIUS_M / self.fastest_mps)
