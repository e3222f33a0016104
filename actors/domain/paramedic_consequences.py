"""What others must hear of a paramedic's events: its dispatcher, and the emergencies of its tasks.

Read off the events, not sent by the commands: whichever command ended a task, and there are many,
the dispatcher and the emergency learn of it, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from actors.domain.kernel import Decision, EntityRef, Event, Later, Send, fold
from actors.domain.messages import (
    AmbulancePhase,
    AssignUnit,
    CareOutcome,
    Offer,
    OfferAnswered,
    OfferOutcome,
    RecordAmbulance,
    RecordProgress,
    ReleaseUnit,
    ReportShift,
    TakeOver,
    TaskEnd,
    TaskEnded,
    UnitChanged,
    UnitDiverted,
)
from actors.domain.paramedic import (
    Paramedic,
    apply,
)
from actors.domain.paramedic_events import (
    OfferVoided,
    ParamedicEvent,
    ShiftFaulted,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskDiverted,
    TaskExpired,
    TaskHandedBack,
    TaskProgressed,
    TaskRedirected,
    TaskWithdrawn,
    WentOffDuty,
)
from actors.domain.task import Task
from actors.domain.values import Destination, Step

Events = tuple[ParamedicEvent, ...]
Sends = tuple[Send, ...]

DIVERTED = "diverted to another emergency"


def concluded(
    state: Paramedic, events: Events, answer: Callable[[Paramedic], Later] | None = None
) -> Decision:
    """The events with all that others must hear of them.

    `answer`: what whoever asked is told of the state that they lead to.
    """
    if not events:
        return Decision(answer=answer(state)) if answer else Decision()
    after = fold(apply, state, events)
    sends: list[Send] = []
    before = state
    for event in events:
        told = _TOLD.get(type(event))
        if told is not None:
            sends += told(before, event, after)
        if event is not events[-1]:
            before = apply(before, event)
    if not _seen_alike(state, after):
        # With the unit's status, whatever the message was; a shift's report has none.
        heard = [
            send.to.id
            for send in sends
            if send.to.kind == "dispatcher" and type(send.command) is not ReportShift
        ]
        for region in dict.fromkeys((state.region, after.region)):
            if region and region not in heard:
                changed = UnitChanged(unit=after.unit_status())
                sends.append(Send(EntityRef("dispatcher", region), changed))
    return Decision(events, tuple(sends), answer(after) if answer else None, after)


def _seen_alike(a: Paramedic, b: Paramedic) -> bool:
    """Whether a dispatcher sees no difference."""
    return (
        a.status == b.status
        and a.move == b.move
        and a.station == b.station
        and a.region == b.region
        and a.name == b.name
        and a.skills == b.skills
        and a.vehicle == b.vehicle
    )


# --- what an event, about to happen to a state, makes known; `after` is how the unit ends up


def _told_voided(_state: Paramedic, event: OfferVoided, after: Paramedic) -> Sends:
    return (_answer(event.task, event.offer, event.outcome, after, None),)


def _told_faulted(state: Paramedic, event: ShiftFaulted, _after: Paramedic) -> Sends:
    return (_shift_report(state, event),)


def _told_off_duty(state: Paramedic, event: WentOffDuty, _after: Paramedic) -> Sends:
    if event.relief is None or event.note is None:
        return ()
    over = TakeOver(unit=state.id, station=state.station, note=event.note)
    return (Send(EntityRef("paramedic", event.relief), over),)


def _told_accepted(state: Paramedic, event: TaskAccepted, after: Paramedic) -> Sends:
    task = _task(state, event.task)
    assign = Send(EntityRef("emergency", task.emergency), _assign(state.id, task, event.at))
    return (assign, _answer_task(task, "accepted", after))


def _told_diverted(state: Paramedic, event: TaskDiverted, after: Paramedic) -> Sends:
    old, new = _task(state, event.from_task), event.task
    answer = _diverted(old, event, after)
    if not old.live:
        return (answer,)
    released = EntityRef("emergency", old.emergency)
    onward = EntityRef("emergency", new.emergency)
    return (
        # Why the other is more urgent is the other patient's, and is not noted with this one.
        Send(released, _release(state.id, old, DIVERTED)),
        Send(onward, _assign(state.id, new, event.at)),
        answer,
    )


def _told_declined(state: Paramedic, event: TaskDeclined, after: Paramedic) -> Sends:
    outcome: OfferOutcome = "declined" if event.by_crew else "unavailable"
    return (_answer_task(_task(state, event.task), outcome, after, event.reason),)


def _told_expired(state: Paramedic, event: TaskExpired, after: Paramedic) -> Sends:
    return (_answer_task(_task(state, event.task), "expired", after),)


def _told_progressed(state: Paramedic, event: TaskProgressed, _after: Paramedic) -> Sends:
    task = _task(state, event.task)
    progress = Send(EntityRef("emergency", task.emergency), _progress(state.id, task, event))
    to = event.destination or task.destination
    if to is None:
        return (progress,)
    return (*_ambulance(state.id, task, to, _PHASES.get(event.step), event.at), progress)


def _told_redirected(state: Paramedic, event: TaskRedirected, _after: Paramedic) -> Sends:
    task = _task(state, event.task)
    return (
        *_ambulance(state.id, task, task.destination, "gone", event.at),
        *_ambulance(state.id, task, event.destination, "under_way", event.at),
        Send(EntityRef("emergency", task.emergency), _progress(state.id, task, event)),
    )


def _told_completed(state: Paramedic, event: TaskCompleted, after: Paramedic) -> Sends:
    task = _task(state, event.task)
    progress = Send(EntityRef("emergency", task.emergency), _progress(state.id, task, event))
    ended = _end(task, "completed", after)
    return (*_ambulance(state.id, task, task.destination, "gone", event.at), progress, ended)


def _told_handed_back(state: Paramedic, event: TaskHandedBack, after: Paramedic) -> Sends:
    return _told_given_up(state, event, after, "handed_back")


def _told_withdrawn(state: Paramedic, event: TaskWithdrawn, after: Paramedic) -> Sends:
    task = _task(state, event.task)
    if not task.live:
        return (_answer_task(task, "withdrawn", after, event.reason),)
    return _told_given_up(state, event, after, "cancelled" if event.emergency_over else "withdrawn")


def _told_given_up(
    state: Paramedic, event: TaskHandedBack | TaskWithdrawn, after: Paramedic, outcome: TaskEnd
) -> Sends:
    task = _task(state, event.task)
    released = EntityRef("emergency", task.emergency)
    return (
        *_ambulance(state.id, task, task.destination, "gone", event.at),
        Send(released, _release(state.id, task, event.reason)),
        _end(task, outcome, after, event.reason),
    )


# By type: most events are told to somebody else than the next, and this is asked at every event.
_TOLD: Mapping[type[Event], Callable[[Paramedic, Any, Paramedic], Sends]] = {
    OfferVoided: _told_voided,
    ShiftFaulted: _told_faulted,
    WentOffDuty: _told_off_duty,
    TaskAccepted: _told_accepted,
    TaskDiverted: _told_diverted,
    TaskDeclined: _told_declined,
    TaskExpired: _told_expired,
    TaskProgressed: _told_progressed,
    TaskRedirected: _told_redirected,
    TaskCompleted: _told_completed,
    TaskHandedBack: _told_handed_back,
    TaskWithdrawn: _told_withdrawn,
}


def _task(state: Paramedic, task_id: str) -> Task:
    task = state.task(task_id)
    assert task is not None, "an event is about a task of the queue"
    return task


def _shift_report(state: Paramedic, event: ShiftFaulted) -> Send:
    return Send(
        EntityRef("dispatcher", state.region),
        ReportShift(unit=state.id, shift=event.shift, station=event.station, fault=event.fault),
    )


_PHASES: dict[Step, AmbulancePhase] = {"transporting": "under_way", "at_hospital": "at_handover"}


def _ambulance(
    unit: str, task: Task, to: Destination | None, phase: AmbulancePhase | None, at: float
) -> Sends:
    """To the hospital that the patient is brought to, if one was chosen."""
    if to is None or phase is None:
        return ()
    record = RecordAmbulance(task=task.id, unit=unit, priority=task.priority, phase=phase, at=at)
    return (Send(EntityRef("hospital", to.hospital), record),)


def _assign(unit: str, task: Task, accepted_at: float) -> AssignUnit:
    return AssignUnit(
        unit=unit,
        task=task.id,
        attempt=task.attempt,
        accepted_at=accepted_at,
        eta_s=task.eta_s,
        slot=task.slot,
        choice=task.choice,
    )


def _diverted(old: Task, event: TaskDiverted, after: Paramedic) -> Send:
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


def _progress(
    unit: str, task: Task, event: TaskProgressed | TaskRedirected | TaskCompleted
) -> RecordProgress:
    outcome: CareOutcome | None = None
    step: Step = "transporting"
    match event:
        case TaskProgressed():
            step = event.step
        case TaskCompleted():
            step = "completed"
            outcome = "treated_on_scene" if task.step == "on_scene" else "handed_over"
    return RecordProgress(
        unit=unit,
        task=task.id,
        attempt=task.attempt,
        accepted_at=task.offered_at if task.accepted_at is None else task.accepted_at,
        eta_s=task.eta_s,
        step=step,
        at=event.at,
        outcome=outcome,
        destination=_destination(task, event),
        slot=task.slot,
    )


def _destination(task: Task, event: ParamedicEvent) -> Destination | None:
    kind = type(event)
    if kind is TaskProgressed or kind is TaskRedirected:
        return cast("TaskProgressed | TaskRedirected", event).destination or task.destination
    return task.destination


def _release(unit: str, task: Task, reason: str) -> ReleaseUnit:
    return ReleaseUnit(unit=unit, task=task.id, attempt=task.attempt, reason=reason, slot=task.slot)


def _answer_task(
    task: Task, outcome: OfferOutcome, after: Paramedic, reason: str | None = None
) -> Send:
    offer = Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
        slot=task.slot,
    )
    return _answer(task.id, offer, outcome, after, reason)


def _answer(
    task: str, offer: Offer, outcome: OfferOutcome, after: Paramedic, reason: str | None
) -> Send:
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


def _end(task: Task, outcome: TaskEnd, after: Paramedic, reason: str | None = None) -> Send:
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
