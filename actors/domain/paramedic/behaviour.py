"""A paramedic as the runtime drives it."""

from __future__ import annotations

from actors.domain.kernel import Behaviour
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.paramedic.apply import apply
from actors.domain.paramedic.commands import ParamedicCommand
from actors.domain.paramedic.decide import decide
from actors.domain.paramedic.events import ParamedicEvent
from actors.domain.paramedic.position import absorb_with
from actors.domain.paramedic.publish import channel, concerns, publications
from actors.domain.paramedic.state import Paramedic, claims, wake_at
from actors.domain.travel import GreatCircle, TravelEstimate


def initial(paramedic_id: str) -> Paramedic:
    """Before it is registered."""
    return Paramedic(id=paramedic_id)


def behaviour(travel: TravelEstimate) -> Behaviour[Paramedic]:
    """Paramedics whose arrival is estimated by `travel`."""
    return Behaviour(
        kind="paramedic",
        state_type=Paramedic,
        command_type=ParamedicCommand,
        event_type=ParamedicEvent,
        initial=initial,
        decide=decide,
        apply=apply,
        wake_at=wake_at,
        claims=claims,
        publications=publications,
        concerns=concerns,
        fact_channel=channel,
        signal_type=ReportPosition,
        absorb=absorb_with(travel),
        urgent=True,
    )


BEHAVIOUR = behaviour(GreatCircle())
