"""Where a unit is, second by second: telemetry, never journaled.

The newest fix is published to the fleet's map and, with a live task, to those who wait for the
unit; its dispatcher gets it thinned out. The durable state learns a position only with an event
(`newest_position`), so after a restart the last event's is known until the next fix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from actors.domain import projections, views
from actors.domain.kernel import Absorbed, EntityRef, Publication, Signal
from actors.domain.messages import ReportPosition, UnitPosition
from actors.domain.paramedic import ON_DUTY, Paramedic
from actors.domain.timestamp import rfc3339
from actors.domain.travel import TravelEstimate, great_circle_m
from actors.domain.values import Position

# A dispatcher compares units kilometres apart: what happened within 2 s or 50 m changes no
# decision, and at 1 Hz from each unit it would be the region's busiest mailbox.
FORWARD_EVERY_S = 2.0
FORWARD_EVERY_M = 50.0

_LAST = "position"
_FORWARDED = "forwarded"


def newest_position(state: Paramedic, telemetry: Mapping[str, Any]) -> Position | None:
    """The newest position known, from telemetry or state."""
    last: Position | None = telemetry.get(_LAST)
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
        return Absorbed(_published(state, position, travel), _forwarded(state, telemetry, position))

    return absorb


def _published(
    state: Paramedic, position: Position, travel: TravelEstimate
) -> tuple[Publication, ...]:
    row = projections.fleet_row(state, position)
    fleet = Publication(fleet_channel(state.region), row, "latest", state.id)
    task = state.live_task
    if task is None:
        return (fleet,)
    driving = task.step in ("accepted", "en_route")
    track = views.Track(
        unit=state.id,
        lat=position.lat,
        lon=position.lon,
        at=rfc3339(position.at),
        eta_s=round(travel.seconds(position.location, task.location), 1) if driving else None,
    )
    return (fleet, Publication(f"track:{task.emergency}", track, "latest", state.id))


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
