"""Units on the move along straight lines, as fast as the travel estimate says or as roads allow."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from random import Random

from msgspec import Struct

from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

Paces = tuple[float, ...]


class Leg(Struct, frozen=True):
    """A drive. Times are virtual epoch seconds.

    `paces`: of equal parts of the way, how slow each is, in proportion; empty: all alike.
    """

    start: Location
    end: Location
    departs_at: float
    arrives_at: float
    paces: Paces = ()

    def at(self, now: float) -> Location:
        """Where the unit is at `now`: at an end of the leg before and after it."""
        took_s = self.arrives_at - self.departs_at
        if now >= self.arrives_at or took_s <= 0:
            return self.end
        share = self._way(max(0.0, (now - self.departs_at) / took_s))
        return Location(
            self.start.lat + share * (self.end.lat - self.start.lat),
            self.start.lon + share * (self.end.lon - self.start.lon),
        )

    def _way(self, share: float) -> float:
        """The share of the way that is behind it after this share of the time."""
        spent = share * sum(self.paces)
        for part, pace in enumerate(self.paces):
            if spent < pace:
                return (part + spent / pace) / len(self.paces)
            spent -= pace
        return share


class Traffic(Struct, frozen=True, kw_only=True):
    """How real drives differ from the estimate: by a factor for the whole of one, and within it.

    The figures are those of the published days of San Francisco, for units that were cleared on
    one scene and sent to the next: of 389 drives over 500 m the median took 1.36 times
    GreatCircle's estimate, and the middle half of them between 1.0 and 1.85 times, as a log-normal
    spread of 0.45 has it. What happened within a drive is not recorded: `within` is assumed.
    """

    seed: int
    median: float = 1.36
    spread: float = 0.45
    within: float = 0.3
    parts: int = 4

    def paces(self, name: str) -> Paces:
        """True seconds for an estimated one, in each part of the drive called so."""
        # Not for secrets: a replay is to be repeatable.
        chance = Random(f"{self.seed}:{name}")  # noqa: S311
        whole = self.median * exp(chance.gauss(0.0, self.spread))
        return tuple(whole * exp(chance.gauss(0.0, self.within)) for _ in range(self.parts))


def drive(
    start: Location, end: Location, now: float, travel: TravelEstimate, paces: Paces = ()
) -> Leg:
    """The drive that begins now. Without `paces` it takes as long as estimated."""
    slower = sum(paces) / len(paces) if paces else 1.0
    return Leg(start, end, now, now + travel.seconds(start, end) * slower, paces)


def nearest(places: Sequence[Location], origin: Location, travel: TravelEstimate) -> Location:
    """The place reached first; the earlier in the sequence where two are as near."""
    return min(places, key=lambda place: travel.seconds(origin, place))
