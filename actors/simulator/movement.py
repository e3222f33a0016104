"""Where a unit is: at a place, or on the straight line of its drive from one to another."""

from __future__ import annotations

from msgspec import Struct

from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place


class Drive(Struct, frozen=True, gc=False):
    """From one place to another in so many seconds. A unit that stands has nowhere to go to."""

    origin: Place
    target: Place
    left_at: float
    takes_s: float

    def place(self, now: float, nearest: NearestPlace) -> Place:
        """Where a unit that is sent elsewhere `now` starts from.

        The place nearest to the point that divides the straight line by the share of the drive
        that has passed; once there, its end.
        """
        passed = now - self.left_at
        if passed >= self.takes_s:
            return self.target
        share = passed / self.takes_s
        origin, target = self.origin, self.target
        return nearest.to(
            origin.lat + (target.lat - origin.lat) * share,
            origin.lon + (target.lon - origin.lon) * share,
        )

    def over(self, now: float) -> bool:
        """Whether it is at its end."""
        return now - self.left_at >= self.takes_s


def standing(place: Place, now: float) -> Drive:
    """At a place, from now on."""
    return Drive(place, place, now, 0.0)
