"""What the ops desk sees of a dispatcher: one fact per event, without health data."""

from __future__ import annotations

from actors.domain import projections, views
from actors.domain.dispatcher import (
    CrewLost,
    Dispatcher,
    DispatcherEvent,
    EmergencyQueued,
    EmergencyUpdated,
    OfferClosed,
    OfferMade,
    UnitLeft,
    UnitUpdated,
)
from actors.domain.kernel import Publication
from actors.domain.timestamp import rfc3339


def channel(region: str) -> str:
    """The channel of a region's facts."""
    return f"ops:{region}"


def publications(
    before: Dispatcher, event: DispatcherEvent, after: Dispatcher
) -> tuple[Publication, ...]:
    """One fact per event, with what it is about and the region's totals."""
    emergency, unit_id = _about(event)
    case = after.cases.get(emergency) or before.cases.get(emergency) if emergency else None
    unit = after.units.get(unit_id) or before.units.get(unit_id) if unit_id else None
    phases = [case.phase for case in after.cases.values()]
    update = views.OpsUpdate(
        event=type(event).__name__,
        at=rfc3339(event.at),
        emergency=emergency,
        case=None if case is None else projections.case_view(case),
        unit=None if unit is None else projections.unit_view(unit, after.reserved.get(unit.unit)),
        outcome=getattr(event, "outcome", None),
        reason=getattr(event, "reason", None),
        waiting=len(phases) - phases.count("engaged"),
        engaged=phases.count("engaged"),
        units_free=sum(u.free and u.unit not in after.reserved for u in after.units.values()),
    )
    return (Publication(channel(after.id), update),)


def concerns(before: Dispatcher, event: DispatcherEvent, after: Dispatcher) -> str | None:
    """The patient of the emergency that the event is about, while it is known here."""
    emergency, _ = _about(event)
    case = after.cases.get(emergency) or before.cases.get(emergency) if emergency else None
    return None if case is None else case.card.patient_id


def _about(event: DispatcherEvent) -> tuple[str | None, str | None]:
    """The emergency and the unit that an event is about."""
    match event:
        case EmergencyQueued(card=card) | EmergencyUpdated(card=card):
            return card.emergency, None
        case UnitUpdated(unit=unit):
            return None, unit.unit
        case UnitLeft(unit=unit_id):
            return None, unit_id
        case OfferMade() | OfferClosed() | CrewLost():
            return event.emergency, event.unit
        case _:
            return event.emergency, None
