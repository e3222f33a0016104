"""Where a dispatcher's units are, second by second: telemetry, never journaled."""

from __future__ import annotations

from typing import Any, Final

from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Absorbed, Signal
from actors.domain.messages.telemetry import UnitPosition
from actors.domain.values import Location, Position

POSITIONS: Final = "positions"
MOVES: Final = "positions seen"
MOVED: Final = "unit -> which of the positions seen was its last"


def absorb(state: Dispatcher, telemetry: dict[str, Any], signal: Signal, _now: float) -> Absorbed:
    """Remember where a unit of this region is, for the next plan."""
    if not isinstance(signal, UnitPosition) or signal.unit not in state.units:
        return Absorbed()
    positions: dict[str, Position] = telemetry.setdefault(POSITIONS, {})
    known = positions.get(signal.unit)
    if known is None or signal.at > known.at:
        positions[signal.unit] = Position(signal.lat, signal.lon, signal.at)
        count = telemetry[MOVES] = telemetry.get(MOVES, 0) + 1
        moved: dict[str, int] = telemetry.setdefault(MOVED, {})
        moved.pop(signal.unit, None)
        moved[signal.unit] = count  # the last to move stands last
    return Absorbed()


def newest(durable: Position, seen: Position | None) -> Location:
    """The newer of what the state and the telemetry know."""
    return (durable if seen is None or durable.at >= seen.at else seen).location
