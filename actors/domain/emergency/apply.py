"""How events change an emergency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.emergency.apply_orders import chosen, ordered
from actors.domain.emergency.events import (
    DestinationChanged,
    DuplicateReturned,
    EmergencyCancelled,
    EmergencyClosed,
    EmergencyEvent,
    EmergencyMerged,
    EmergencyProgressed,
    EmergencyRaised,
    Events,
    OrderEvent,
    PriorityOverridden,
    UnitAssigned,
    UnitReleased,
)
from actors.domain.emergency.orders import Orders
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Event
from actors.domain.messages.status import EmergencyStatus


def apply(state: Emergency, event: EmergencyEvent) -> Emergency:
    """The state after an event."""
    return _APPLIED[type(event)](state, event)


def apply_all(state: Emergency, events: Events) -> Emergency:
    """The state after these events."""
    for event in events:
        state = _APPLIED[type(event)](state, event)
    return state


def _raised(state: Emergency, event: EmergencyRaised) -> Emergency:
    # In two: a call with more than 15 keywords makes a dict of them first.
    asked = replace(
        state,
        patient_id=event.patient_id,
        region=event.region,
        location=event.location,
        address=event.address,
        symptoms=event.symptoms,
        answers=event.answers,
        contact_phone=event.contact_phone,
        needs=event.needs,
        vehicles=event.vehicles,
    )
    return replace(
        asked,
        revision=state.revision + 1,
        status="raised",
        times=_entered(state, "raised", event.at),
        priority=event.priority,
        triage_priority=event.priority,
        triage_reasons=event.reasons,
        raised_at=event.at if event.received_at is None else event.received_at,
        entered_at=None if event.received_at is None else event.at,
    )


def _overridden(state: Emergency, event: PriorityOverridden) -> Emergency:
    override = event.override
    overrides = (*state.overrides, override)
    return _change(state, priority=override.priority, overrides=overrides)


def _assigned(state: Emergency, event: UnitAssigned) -> Emergency:
    return replace(
        state,
        revision=state.revision + 1,
        status="assigned",
        times=_entered(state, "assigned", event.accepted_at),
        unit=event.unit,
        task=event.task,
        attempt=event.attempt,
        eta_at=event.accepted_at + event.eta_s,
        orders=_crewed(state.orders, event.choice),
    )


def _crewed(orders: Orders, choice: Choice | None) -> Orders:
    """A hold is about whom to send: with a crew on its way it is over."""
    if orders.held is not None:
        orders = replace(orders, held=None)
    return chosen(orders, 1, choice)


def _progressed(state: Emergency, event: EmergencyProgressed) -> Emergency:
    status, to, to_at = event.status, event.destination, event.at
    if to is None or to_at < state.destination_at:
        to, to_at = state.destination, state.destination_at
    return replace(
        state,
        revision=state.revision + 1,
        status=status,
        times=_entered(state, status, event.at),
        # There: nothing is left to estimate.
        eta_at=state.eta_at if status == "en_route" else None,
        destination=to,
        destination_at=to_at,
    )


def _redirected(state: Emergency, event: DestinationChanged) -> Emergency:
    return _change(state, destination=event.destination, destination_at=event.at)


def _released(state: Emergency, event: UnitReleased) -> Emergency:
    gone = {"attempt": event.attempt, "unit": None, "task": None, "eta_at": None}
    if state.unit is None:
        return _change(state, **gone, destination=None)
    return _enter(state, "raised", event.at, **gone, destination=None)


def _closed(state: Emergency, event: EmergencyClosed) -> Emergency:
    times = _entered(state, "closed", event.at)
    return replace(state, revision=state.revision + 1, status="closed", times=times, eta_at=None)


def _cancelled(state: Emergency, event: EmergencyCancelled) -> Emergency:
    return _enter(state, "cancelled", event.at, cancellation=event.cancellation, eta_at=None)


def _merged(state: Emergency, event: EmergencyMerged) -> Emergency:
    # Whoever was on the way is called back by the dispatcher, and is not this one's crew any more.
    gone = {"unit": None, "task": None, "eta_at": None, "destination": None}
    orders = ordered(state.orders, event, state.revision + 1)
    return _enter(state, "merged", event.at, orders=orders, **gone)


def _returned(state: Emergency, event: DuplicateReturned) -> Emergency:
    orders = ordered(state.orders, event, state.revision + 1)
    return _enter(state, "raised", event.at, orders=orders)


def _ordered(state: Emergency, event: OrderEvent) -> Emergency:
    return _change(state, orders=ordered(state.orders, event, state.revision + 1))


# By type: a `match` over so many classes asks for each in turn, at every event.
_APPLIED: dict[type[Event], Callable[[Emergency, Any], Emergency]] = {
    EmergencyRaised: _raised,
    PriorityOverridden: _overridden,
    UnitAssigned: _assigned,
    EmergencyProgressed: _progressed,
    DestinationChanged: _redirected,
    UnitReleased: _released,
    EmergencyClosed: _closed,
    EmergencyCancelled: _cancelled,
    **dict.fromkeys(get_args(OrderEvent), _ordered),
    EmergencyMerged: _merged,
    DuplicateReturned: _returned,
}


def _change(state: Emergency, **changes: Any) -> Emergency:
    return replace(state, revision=state.revision + 1, **changes)


def _enter(state: Emergency, status: EmergencyStatus, at: float, **changes: Any) -> Emergency:
    # Who does it at each emergency says so without `**`, which costs more than the copy itself.
    times = _entered(state, status, at)
    return replace(state, revision=state.revision + 1, status=status, times=times, **changes)


def _entered(state: Emergency, status: EmergencyStatus, at: float) -> dict[str, float]:
    times = state.times.copy()
    times[status] = at
    return times
