"""How events change what the dispatch desk has ordered for an emergency."""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.emergency.events import (
    DuplicateLinked,
    DuplicateReturned,
    EmergencyHeld,
    EmergencyMerged,
    EmergencyStaged,
    FurtherAssigned,
    FurtherProgressed,
    FurtherReleased,
    GoAheadGiven,
    HoldEnded,
    OrderEvent,
    PrimaryCompleted,
    PrimaryFollowed,
    UnitsOrdered,
    UnitStoodDown,
)
from actors.domain.emergency.orders import Followed, Further, Orders
from actors.domain.messages.status import SlotStatus


def ordered(orders: Orders, event: OrderEvent, revision: int) -> Orders:
    """The orders after an event. `revision`: the emergency's, after it."""
    match event:
        case EmergencyHeld(held=held):
            return replace(orders, held=held)
        case HoldEnded():
            return replace(orders, held=None)
        case EmergencyStaged(staged=staged):
            return replace(orders, staged=staged, staged_at=revision)
        case GoAheadGiven():
            return replace(orders, staged=None, staged_at=revision)
        case UnitsOrdered(slots=slots):
            more = tuple(Further(slot=one.slot, wanted=one.wanted) for one in slots)
            return replace(
                orders, further=(*orders.further, *more), slots=max(one.slot for one in slots)
            )
        case UnitStoodDown(slot=slot):
            return replace(orders, further=tuple(f for f in orders.further if f.slot != slot))
        case FurtherAssigned():
            return chosen(_assigned(orders, event), event.slot, event.choice)
        case FurtherProgressed(slot=slot, status=status):
            return _slot(orders, slot, status=status, eta_at=_eta(orders, slot, status))
        case FurtherReleased():
            return _slot(
                orders,
                event.slot,
                status="ordered",
                unit=None,
                task=None,
                attempt=event.attempt,
                eta_at=None,
            )
        case PrimaryCompleted(outcome=outcome):
            return replace(orders, primary_done=outcome)
        case EmergencyMerged(into=into):
            # Nobody waits anywhere for it; who is sent should it be raised again goes in.
            alone = replace(orders, held=None, staged=None, staged_at=revision)
            return replace(alone, followed=Followed(emergency=into), merged_at=revision)
        case DuplicateReturned():
            return replace(orders, followed=None)
        case PrimaryFollowed(followed=followed):
            return replace(orders, followed=followed)
        case DuplicateLinked(duplicate=duplicate):
            others = (d for d in orders.duplicates if d.emergency != duplicate.emergency)
            return replace(orders, duplicates=(*others, duplicate))


def chosen(orders: Orders, slot: int, choice: Choice | None) -> Orders:
    """With why the unit of a slot was chosen, if that was noted."""
    if choice is None:
        return orders
    return replace(orders, choices={**orders.choices, slot: choice})


def _assigned(orders: Orders, event: FurtherAssigned) -> Orders:
    return _slot(
        orders,
        event.slot,
        status="assigned",
        unit=event.unit,
        task=event.task,
        attempt=event.attempt,
        eta_at=event.accepted_at + event.eta_s,
    )


def _eta(orders: Orders, slot: int, status: SlotStatus) -> float | None:
    known = orders.slot(slot)
    return known.eta_at if known is not None and status in ("assigned", "en_route") else None


def _slot(orders: Orders, slot: int, **changes: object) -> Orders:
    further = (replace(f, **changes) if f.slot == slot else f for f in orders.further)
    return replace(orders, further=tuple(further))
