"""An emergency as the runtime drives it."""

from __future__ import annotations

from actors.domain.emergency.apply import apply
from actors.domain.emergency.commands import EmergencyCommand
from actors.domain.emergency.decide import decide
from actors.domain.emergency.events import EmergencyEvent
from actors.domain.emergency.publish import channel, concerns, publications
from actors.domain.emergency.state import Emergency, wake_at
from actors.domain.kernel import Behaviour


def initial(emergency_id: str) -> Emergency:
    """Before it is raised."""
    return Emergency(id=emergency_id)


BEHAVIOUR: Behaviour[Emergency] = Behaviour(
    kind="emergency",
    state_type=Emergency,
    command_type=EmergencyCommand,
    event_type=EmergencyEvent,
    initial=initial,
    decide=decide,
    apply=apply,
    wake_at=wake_at,
    publications=publications,
    concerns=concerns,
    fact_channel=channel,
    urgent=True,
)
