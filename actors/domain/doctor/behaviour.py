"""A doctor as the runtime drives it."""

from __future__ import annotations

from actors.domain.doctor.commands import DoctorCommand
from actors.domain.doctor.decide import decide
from actors.domain.doctor.events import DoctorEvent, apply
from actors.domain.doctor.publish import channel, concerns, publications
from actors.domain.doctor.state import Doctor
from actors.domain.kernel import Behaviour


def initial(doctor_id: str) -> Doctor:
    """Before it is registered."""
    return Doctor(id=doctor_id)


BEHAVIOUR: Behaviour[Doctor] = Behaviour(
    kind="doctor",
    state_type=Doctor,
    command_type=DoctorCommand,
    event_type=DoctorEvent,
    initial=initial,
    decide=decide,
    apply=apply,
    publications=publications,
    concerns=concerns,
    fact_channel=channel,
)
