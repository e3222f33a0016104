"""Where a unit is, second by second: telemetry, never journaled.

The newest fix is published to the fleet's map and, with a live task, to those who wait for the
unit, whichever of them called; its dispatcher gets it thinned out. The durable state learns a
position only with an event (`newest_position`), so after a restart the last event's is known until
the next fix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from actors.domain import arrival
from actors.domain.kernel import Absorbed, EntityRef, Publication, Signal
from actors.domain.messages.telemetry import ReportPosition, UnitPosition
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.paramedic.projection import fleet_row
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import SHARED, Task
from actors.domain.timestamp import rfc3339
from actors.domain.travel import TravelEstimate, great_circle_m
from actors.domain.values import Location, Position
from actors.domain.views.paramedic import Track

# A dispatcher compares units kilometres apart: what happened within 2 s or 50 m changes no
# decision, and at 1 Hz from each unit it would be the region's busiest mailbox.
FORWARD_EVERY_S = 2.0
FORWARD_EVERY_M = 50.0

_LAST = "position"
_PACE = "pace"
_FORWARDED = "forwarded"


def newest_position(state: Paramedic, telemetry: Mapping[str, Any]) -> Position | None:
    """The newest position known, from telemetry or state."""
    last: Position | None = telemetry.get(_LAST) if telemetry else None
    if last is None or (state.position is not None and state.position.at >= last.at):
        return state.position
    return last


def not_ahead(position: Position, now: float) -> Position:
    """The position, taken `now` at the latest: a fast clock must not outshine later fixes."""
    return position if position.at <= now else replace(position, at=now)


def absorb_with(
    travel: TravelEstimate,
) -> Callable[[Paramedic, dict[str, Any], Signal, float], Absorbed]:
    """The paramedic's `absorb`, with arrival estimates by `travel`."""

    def absorb(state: Paramedic, telemetry: dict[str, Any], signal: Signal, now: float) -> Absorbed:
        if not isinstance(signal, ReportPosition) or state.status not in ON_DUTY:
            return Absorbed()  # where somebody is off duty is nobody's business
        known = newest_position(state, telemetry)
        position = not_ahead(Position(signal.lat, signal.lon, signal.at, signal.accuracy_m), now)
        if known is not None and position.at <= known.at:
            return Absorbed()
        telemetry[_LAST] = position
        published = _published(state, telemetry, position, travel)
        return Absorbed(published, _forwarded(state, telemetry, position))

    return absorb


def _published(
    state: Paramedic, telemetry: dict[str, Any], position: Position, travel: TravelEstimate
) -> tuple[Publication, ...]:
    row = fleet_row(state, position)
    fleet = Publication(fleet_channel(state.region), row, "latest", state.id)
    task = state.live_task
    if task is None:
        return (fleet,)
    to_scene, to_hospital = _etas(task, telemetry, position, travel)
    track = Track(
        unit=state.id,
        lat=position.lat,
        lon=position.lon,
        at=rfc3339(position.at),
        eta_s=to_scene,
        hospital_eta_s=to_hospital,
    )
    followers = task.followers if task.step in SHARED else ()
    return (
        fleet,
        *(
            Publication(f"track:{emergency}", track, "latest", state.id)
            for emergency in (task.emergency, *followers)
        ),
    )


def _etas(
    task: Task, telemetry: dict[str, Any], position: Position, travel: TravelEstimate
) -> tuple[float | None, float | None]:
    """To the scene and to the hospital, seconds: of the drive that the crew is on.

    Before it has set out nothing is learnt from its standing still.
    """
    match task.step:
        case "accepted":
            left_s = travel.seconds(position.location, task.location, position.at)
            return round(left_s, 1), None
        case "en_route":
            return _eta(f"{task.id}:scene", task.location, telemetry, position, travel), None
        case "transporting" if task.destination is not None:
            to = task.destination.location
            drive = f"{task.id}:{task.destination.hospital}"
            return None, _eta(drive, to, telemetry, position, travel)
        case _:
            return None, None


def _eta(
    drive: str,
    target: Location,
    telemetry: dict[str, Any],
    position: Position,
    travel: TravelEstimate,
) -> float:
    left_s = travel.seconds(position.location, target, position.at)
    pace = arrival.driven(telemetry.get(_PACE), drive, position.at, left_s)
    telemetry[_PACE] = pace
    return round(pace.eta_s, 1)


def _forwarded(
    state: Paramedic, telemetry: dict[str, Any], position: Position
) -> tuple[tuple[EntityRef, Signal], ...]:
    last: Position | None = telemetry.get(_FORWARDED)
    if (
        last is not None
        and position.at - last.at < FORWARD_EVERY_S
        and great_circle_m(last.location, position.location) < FORWARD_EVERY_M
    ):
        return ()
    telemetry[_FORWARDED] = position
    signal = UnitPosition(unit=state.id, lat=position.lat, lon=position.lon, at=position.at)
    return ((EntityRef("dispatcher", state.region), signal),)


def fleet_channel(region: str) -> str:
    """The channel of a region's units, keyed by unit."""
    return f"fleet:{region}"
