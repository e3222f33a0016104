"""Units on the move: along the straight line, as fast as the travel estimate says."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from actors.domain.travel import TravelEstimate
from actors.domain.values import Location


class Leg(Struct, frozen=True):
    """A drive. Times are virtual epoch seconds."""

    start: Location
    end: Location
    departs_at: float
    arrives_at: float

    def at(self, now: float) -> Location:
        """Where the unit is at `now`: at an end of the leg before and after it."""
        took_s = self.arrives_at - self.departs_at
        if now >= self.arrives_at or took_s <= 0:
            return self.end
        share = max(0.0, (now - self.departs_at) / took_s)
        return Location(
            self.start.lat + share * (self.end.lat - self.start.lat),
            self.start.lon + share * (self.end.lon - self.start.lon),
        )


def drive(start: Location, end: Location, now: float, travel: TravelEstimate) -> Leg:
    """The drive that begins now."""
    return Leg(start, end, now, now + travel.seconds(start, end))


def nearest(places: Sequence[Location], origin: Location, travel: TravelEstimate) -> Location:
    """The place reached first; the earlier in the sequence where two are as near."""
    return min(places, key=lambda place: travel.seconds(origin, place))
