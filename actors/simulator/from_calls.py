"""The public record of fire calls as scenarios: what came in then, to be answered again.

What the record does not say is decided here, and counted where it had to be made up:
- Calls are those that a unit of the chosen types was sent to; their service is that of the first
  ambulance to arrive, else of the first unit (fire_calls/call.py repairs its times). Where none
  arrived, the crew looks for five minutes: `imputed`.
- Priority: Final Priority 3 is 1, 2 is 2, others 3; or the four classes of the replay.
- Units: the busiest of those types, as many as were on duty at the median call, each with its
  base in the middle of the station area where most of its shifts began (duty.py).
- Hospitals: the receiving hospitals of San Francisco (fire_calls/hospitals.py); the record says
  when a patient arrived, not where.
- Places: the cells of a grid, so that a matrix of them stays small. Travel: the straight line, at
  the speed that drives took then (calibration.py).
- Time: `at_s` counts real seconds from the scenario's start, also over a change of the clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.triage import ALS_UP_TO
from actors.domain.values import ALS, BLS, Location
from actors.fire_calls.call import AMBULANCES, Call
from actors.fire_calls.export import ZONE, Record
from actors.fire_calls.fleet import Unit, centres_of, fleet_of
from actors.fire_calls.hospitals import SAN_FRANCISCO
from actors.fire_calls.row import Row
from actors.simulator.calibration import Calibration, calibrate
from actors.simulator.duty import on_duty, posts_of, shifts_of
from actors.simulator.grid import Grid
from actors.simulator.writer import Draft, DraftCall, DraftPlace, DraftUnit

Classes = Literal["final", "triage"]

# Seconds. 8 minutes for the most urgent is what services are mostly held to; the others are the
# means that the NHS Ambulance Response Programme has for its classes 2 to 4.
TARGETS: Final[Mapping[int, float]] = {1: 480.0, 2: 1080.0, 3: 7200.0, 4: 10800.0}
_FINAL: Final = {"3": 1, "2": 2}
_OTHER_CLASS: Final = 3


class Choices(Struct, frozen=True, kw_only=True):
    """What a scenario is made of. `units`: how many; None: as many as were on duty.

    `speed_mps`: instead of the calibrated. `needs`: calls need a crew of triage's level.
    """

    types: frozenset[str] = AMBULANCES
    units: int | None = None
    grid_m: float = 250.0
    speed_mps: float | None = None
    classes: Classes = "final"
    needs: bool = False
    return_speed_factor: float = 1.0


class City(Struct, frozen=True, kw_only=True):
    """What all days of a record share, and what it says of itself. `unserved`: calls left out
    because no unit of the chosen types was sent.
    """

    choices: Choices
    calls: tuple[Call, ...]
    priority: Mapping[str, int]
    units: tuple[Unit, ...]
    calibration: Calibration
    unserved: int

    @property
    def imputed(self) -> int:
        return sum(call.imputed for call in self.calls)

    @property
    def speed_mps(self) -> float:
        return self.choices.speed_mps or self.calibration.speed_mps


def city_of(record: Record, choices: Choices) -> City:
    """Raises ValueError where no call had a unit of the chosen types."""
    rows = [row for row in record.rows if row.unit_type in choices.types]
    served = {row.call for row in rows}
    calls = tuple(call for call in record.calls if call.id in served)
    if not calls:
        raise ValueError(f"no call had a unit of type {', '.join(sorted(choices.types))}")
    shifts = shifts_of(rows)
    number = choices.units or on_duty(shifts, (call.received_at for call in calls))
    posts, centres = posts_of(shifts), centres_of(record.rows)
    return City(
        choices=choices,
        calls=calls,
        priority=_priorities(record.rows, calls, choices.classes),
        units=tuple(replace(unit, base=centres[posts[unit.id]]) for unit in fleet_of(rows, number)),
        calibration=calibrate(rows),
        unserved=len(record.calls) - len(calls),
    )


def scenario_of(city: City, name: str, from_s: float, to_s: float) -> Draft:
    """The calls received in [from_s, to_s), epoch seconds; the scenario starts at `from_s`."""
    calls = [call for call in city.calls if from_s <= call.received_at < to_s]
    at: Sequence[Location] = [
        *(call.location for call in calls),
        *(unit.base for unit in city.units),
        *SAN_FRANCISCO,
    ]
    grid = Grid(at, city.choices.grid_m)
    return Draft(
        name=name,
        planar=False,
        places=tuple(DraftPlace(id_, where.lon, where.lat) for id_, where in grid.places),
        units=tuple(DraftUnit(u.id, grid.place_of(u.base), u.skills) for u in city.units),
        hospitals=tuple(dict.fromkeys(map(grid.place_of, SAN_FRANCISCO))),
        calls=tuple(_call(city, call, grid, from_s) for call in calls),
        speed_mps=city.speed_mps,
        return_speed_factor=city.choices.return_speed_factor,
        targets={p: TARGETS[p] for p in sorted(set(city.priority.values()))},
    )


def days(city: City) -> Iterator[tuple[str, float, float]]:
    """Each local day that has a call: its date, and when it begins and ends, epoch seconds."""
    for day in sorted({datetime.fromtimestamp(c.received_at, ZONE).date() for c in city.calls}):
        begins = _midnight(day.isoformat())
        yield day.isoformat(), begins, _midnight((day + timedelta(days=1)).isoformat())


def start_of_day(at: float) -> float:
    """The local midnight before, epoch seconds."""
    return _midnight(datetime.fromtimestamp(at, ZONE).date().isoformat())


def _midnight(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=ZONE).timestamp()


def _priorities(
    rows: Sequence[Row], calls: Collection[Call], classes: Classes
) -> Mapping[str, int]:
    if classes == "triage":
        return {call.id: call.priority for call in calls}
    # All rows of a call say the same; where one does not, the most urgent counts.
    found: dict[str, int] = {}
    for row in rows:
        said = _FINAL.get(row.final_priority, _OTHER_CLASS)
        found[row.call] = min(said, found.get(row.call, _OTHER_CLASS))
    return {call.id: found[call.id] for call in calls}


def _call(city: City, call: Call, grid: Grid, start_s: float) -> DraftCall:
    priority = city.priority[call.id]
    return DraftCall(
        id=call.id,
        at_s=call.received_at - start_s,
        location=grid.place_of(call.location),
        priority=priority,
        on_scene_s=call.service.on_scene_s,
        transport=call.service.transport,
        handover_s=call.service.hospital_s,
        needs=(ALS if priority <= ALS_UP_TO else BLS,) if city.choices.needs else (),
    )
