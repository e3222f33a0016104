"""To a dispatcher: from emergencies, paramedics and the records."""

from __future__ import annotations

from actors.domain.kernel import Command
from actors.domain.messages.card import EmergencyCard, StationRef, UnitStatus
from actors.domain.messages.status import EndReason, OfferOutcome, ShiftFault, TaskEnd
from actors.domain.values import Id, Note


class EmergencyChanged(Command, frozen=True, kw_only=True):
    """From the emergency, with each change that is not its end."""

    card: EmergencyCard


class RemoveEmergency(Command, frozen=True, kw_only=True):
    """From the emergency: it is closed, cancelled or merged; nobody needs to be sent any more.

    `card`: with merged, its last one. With a newer one it is wanted again.
    """

    emergency: Id
    reason: EndReason
    card: EmergencyCard | None = None


class UnitChanged(Command, frozen=True, kw_only=True):
    """From the paramedic, when what a dispatcher sees of it changed."""

    unit: UnitStatus


class OfferAnswered(Command, frozen=True, kw_only=True):
    """From the paramedic: what became of an offer, and how the unit stands after it."""

    task: Id
    emergency: Id
    attempt: int
    outcome: OfferOutcome
    unit: UnitStatus
    reason: Note | None = None
    slot: int = 1


class TaskEnded(Command, frozen=True, kw_only=True):
    """From the paramedic: a task it had accepted is over, and how the unit stands after it."""

    task: Id
    emergency: Id
    attempt: int
    outcome: TaskEnd
    unit: UnitStatus
    reason: Note | None = None
    slot: int = 1


class UnitDiverted(Command, frozen=True, kw_only=True):
    """From the paramedic: it has given up one task for another, in one step.

    `accepted`: it is on its way; else its crew is asked, and answers that offer as any other.
    """

    from_task: Id
    from_emergency: Id
    from_slot: int
    task: Id
    emergency: Id
    slot: int
    attempt: int
    accepted: bool
    unit: UnitStatus


class StationsChanged(Command, frozen=True, kw_only=True):
    """From the records: all stations of the region, by id. A lower `revision` is older."""

    revision: int
    stations: tuple[StationRef, ...]


class ReportShift(Command, frozen=True, kw_only=True):
    """From the paramedic, once for each fault: the ops desk must know."""

    unit: Id
    shift: Id
    station: Id
    fault: ShiftFault
