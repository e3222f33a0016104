"""What a paramedic has to say of a task, as messages: to its dispatcher, emergency and hospital."""

from __future__ import annotations

from actors.domain.kernel import EntityRef, Send, Sends
from actors.domain.messages.status import AmbulancePhase, CareOutcome, OfferOutcome, TaskEnd
from actors.domain.messages.to_dispatcher import OfferAnswered, ReportShift, TaskEnded, UnitDiverted
from actors.domain.messages.to_emergency import AssignUnit, RecordProgress, ReleaseUnit
from actors.domain.messages.to_hospital import RecordAmbulance
from actors.domain.messages.to_paramedic import Offer
from actors.domain.paramedic.events import ShiftFaulted, TaskDiverted
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import Task
from actors.domain.values import Destination, Step


def offer_of(task: Task) -> Offer:
    """What an answer to this task's offer needs."""
    return Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
        slot=task.slot,
    )


def shift_report(state: Paramedic, event: ShiftFaulted) -> Send:
    """To the dispatcher: a shift went wrong."""
    return Send(
        EntityRef("dispatcher", state.region),
        ReportShift(unit=state.id, shift=event.shift, station=event.station, fault=event.fault),
    )


AMBULANCE_PHASES: dict[Step, AmbulancePhase] = {
    "transporting": "under_way",
    "at_hospital": "at_handover",
}


def ambulance_record(
    unit: str, task: Task, to: Destination | None, phase: AmbulancePhase | None, at: float
) -> Sends:
    """To the hospital that the patient is brought to, if one was chosen."""
    if to is None or phase is None:
        return ()
    record = RecordAmbulance(task=task.id, unit=unit, priority=task.priority, phase=phase, at=at)
    return (Send(EntityRef("hospital", to.hospital), record),)


def assignment(unit: str, task: Task, accepted_at: float) -> AssignUnit:
    """For the emergency: the crew has accepted."""
    return AssignUnit(
        unit=unit,
        task=task.id,
        attempt=task.attempt,
        accepted_at=accepted_at,
        eta_s=task.eta_s,
        slot=task.slot,
        choice=task.choice,
    )


def diversion(old: Task, event: TaskDiverted, after: Paramedic) -> Send:
    """To the dispatcher: one task was given up for another."""
    task = event.task
    return Send(
        EntityRef("dispatcher", task.region),
        UnitDiverted(
            from_task=old.id,
            from_emergency=old.emergency,
            from_slot=old.slot,
            task=task.id,
            emergency=task.emergency,
            slot=task.slot,
            attempt=task.attempt,
            accepted=task.live,
            unit=after.unit_status(),
        ),
    )


def progress_record(
    unit: str,
    task: Task,
    step: Step,
    at: float,
    to: Destination | None,
    outcome: CareOutcome | None = None,
) -> RecordProgress:
    """For the emergency: how far the crew is, and where it brings its patient."""
    return RecordProgress(
        unit=unit,
        task=task.id,
        attempt=task.attempt,
        accepted_at=task.offered_at if task.accepted_at is None else task.accepted_at,
        eta_s=task.eta_s,
        step=step,
        at=at,
        outcome=outcome,
        destination=to,
        slot=task.slot,
    )


def release_of(unit: str, task: Task, reason: str) -> ReleaseUnit:
    """For the emergency: the crew is not coming."""
    return ReleaseUnit(unit=unit, task=task.id, attempt=task.attempt, reason=reason, slot=task.slot)


def answer_to_task(
    task: Task, outcome: OfferOutcome, after: Paramedic, reason: str | None = None
) -> Send:
    """To the dispatcher: what became of the offer of a task in the queue."""
    return answer_to_offer(task.id, offer_of(task), outcome, after, reason)


def answer_to_offer(
    task: str, offer: Offer, outcome: OfferOutcome, after: Paramedic, reason: str | None
) -> Send:
    """To the dispatcher: what became of an offer, also of one never seen here."""
    return Send(
        EntityRef("dispatcher", offer.region),
        OfferAnswered(
            task=task,
            emergency=offer.emergency,
            attempt=offer.attempt,
            outcome=outcome,
            unit=after.unit_status(),
            reason=reason,
            slot=offer.slot,
        ),
    )


def end_of(task: Task, outcome: TaskEnd, after: Paramedic, reason: str | None = None) -> Send:
    """To the dispatcher: a task that was accepted is over."""
    return Send(
        EntityRef("dispatcher", task.region),
        TaskEnded(
            task=task.id,
            emergency=task.emergency,
            attempt=task.attempt,
            outcome=outcome,
            unit=after.unit_status(),
            reason=reason,
            slot=task.slot,
        ),
    )
