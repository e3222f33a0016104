"""A hospital as the runtime drives it."""

from __future__ import annotations

from actors.domain.hospital.commands import HospitalCommand
from actors.domain.hospital.decide import decide
from actors.domain.hospital.events import HospitalEvent, apply
from actors.domain.hospital.state import Hospital
from actors.domain.kernel import Behaviour


def initial(hospital_id: str) -> Hospital:
    """Before it is registered."""
    return Hospital(id=hospital_id)


BEHAVIOUR: Behaviour[Hospital] = Behaviour(
    kind="hospital",
    state_type=Hospital,
    command_type=HospitalCommand,
    event_type=HospitalEvent,
    initial=initial,
    decide=decide,
    apply=apply,
)
