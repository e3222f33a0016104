"""How good the arrival estimates were: what was said on the way, held against when it came true.

Three are compared in each minute of a drive: what the dispatcher said when the unit was chosen, the
travel estimate from where the unit is now, and the live one that `track:` carries, which learns
from the drive (actors/domain/arrival.py). A replay's city runs faster than the service's clock, so
the live one is computed here, by the same function, from the very positions that the device sent,
in the time of the city.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from actors.domain import arrival
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location
from web.replay.ledger import percentile

# Minutes before the arrival, [from, to).
BUCKETS: Final = ((0, 1), (1, 2), (2, 5), (5, 10), (10, 60))
_P90: Final = 90


class Error(Struct, frozen=True):
    """Seconds. `bias`: the mean; below zero the unit came later than it was said."""

    mean_absolute: float
    bias: float
    p90_absolute: float


class ArrivalError(Struct, frozen=True, kw_only=True):
    """The errors of what was said so many minutes before the arrival, one a drive and minute."""

    minutes: tuple[int, int]
    samples: int
    assigned: Error
    travel: Error
    live: Error


class _Said(Struct, frozen=True):
    at: float
    travel_s: float
    live_s: float


class Drive(Struct):
    """One unit's drive to one scene. Times are virtual."""

    assigned_at: float
    eta_s: float
    pace: arrival.Pace | None = None
    said: list[_Said] = []
    arrived_at: float | None = None


class Estimates:
    """What was said of each drive. `travel`: as the service estimates."""

    def __init__(self, travel: TravelEstimate) -> None:
        self._travel = travel
        self._drives: dict[str, Drive] = {}

    def assigned(self, task: str, eta_s: float, at: float) -> None:
        """The crew has accepted; `eta_s` is what the dispatcher expects."""
        self._drives.setdefault(task, Drive(assigned_at=at, eta_s=eta_s))

    def reported(self, task: str, here: Location, scene: Location, at: float) -> None:
        """A position was sent on the way to the scene."""
        drive = self._drives.get(task)
        if drive is None or drive.arrived_at is not None:
            return
        left_s = self._travel.seconds(here, scene)
        drive.pace = arrival.driven(drive.pace, task, at, left_s)
        drive.said.append(_Said(at, left_s, drive.pace.eta_s))

    def arrived(self, task: str, at: float) -> None:
        """The crew is there."""
        drive = self._drives.get(task)
        if drive is not None and drive.arrived_at is None:
            drive.arrived_at = at

    def errors(self) -> tuple[ArrivalError, ...]:
        """Of the drives that arrived, the nearest minutes first; without empty buckets."""
        of_minute: dict[tuple[str, int], tuple[float, float, float]] = {}
        for task, drive in self._drives.items():
            if drive.arrived_at is None:
                continue
            promised = drive.assigned_at + drive.eta_s
            for said in drive.said:
                left_s = drive.arrived_at - said.at
                errors = (
                    promised - drive.arrived_at,
                    said.travel_s - left_s,
                    said.live_s - left_s,
                )
                if left_s >= 0:
                    of_minute.setdefault((task, int(left_s // 60)), errors)
        found = []
        for first, end in BUCKETS:
            samples = [e for (_, minute), e in of_minute.items() if first <= minute < end]
            if samples:
                assigned, travel, live = (_error(column) for column in zip(*samples, strict=True))
                found.append(
                    ArrivalError(
                        minutes=(first, end),
                        samples=len(samples),
                        assigned=assigned,
                        travel=travel,
                        live=live,
                    )
                )
        return tuple(found)


def _error(seconds: Sequence[float]) -> Error:
    sizes = sorted(map(abs, seconds))
    p90 = percentile(sizes, _P90)
    assert p90 is not None, "only of samples"
    return Error(sum(sizes) / len(sizes), sum(seconds) / len(seconds), p90)
