"""A shift as the runtime drives it."""

from __future__ import annotations

from actors.domain.kernel import Behaviour
from actors.domain.shift.decide import decide
from actors.domain.shift.state import Shift, ShiftCommand, ShiftEvent, apply, wake_at


def initial(shift_id: str) -> Shift:
    """Before it is planned."""
    return Shift(id=shift_id)


BEHAVIOUR: Behaviour[Shift] = Behaviour(
    kind="shift",
    state_type=Shift,
    command_type=ShiftCommand,
    event_type=ShiftEvent,
    initial=initial,
    decide=decide,
    apply=apply,
    wake_at=wake_at,
)
