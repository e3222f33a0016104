"""What others must hear of a paramedic's events: its dispatcher, and the emergencies of its tasks.

Read off the events, not sent by the commands: whichever command ended a task, and there are many,
the dispatcher and the emergency learn of it, exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.kernel import Decision, EntityRef, Send, fold
from actors.domain.messages import (
    AssignUnit,
    CareOutcome,
    Offer,
    OfferAnswered,
    OfferOutcome,
    RecordProgress,
    ReleaseUnit,
    TaskEnd,
    TaskEnded,
    UnitChanged,
    UnitStatus,
)
from actors.domain.paramedic import (
    Paramedic,
    apply,
)
from actors.domain.paramedic_events import (
    OfferVoided,
    ParamedicEvent,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskExpired,
    TaskHandedBack,
    TaskOffered,
    TaskProgressed,
    TaskWithdrawn,
)
from actors.domain.task import Task

Events = tuple[ParamedicEvent, ...]


def concluded(state: Paramedic, events: Events) -> Decision:
    """The events with all that others must hear of them."""
    if not events:
        return Decision()
    after = fold(apply, state, events)
    unit = after.unit_status()
    sends: list[Send] = []
    before = state
    for event in events:
        sends += _consequences(before, event, unit)
        before = apply(before, event)
    if _seen_by_dispatcher(state) != _seen_by_dispatcher(after):
        told = {send.to for send in sends}  # with the unit's status, whatever the message was
        for region in dict.fromkeys(region for region in (state.region, after.region) if region):
            dispatcher = EntityRef("dispatcher", region)
            if dispatcher not in told:
                sends.append(Send(dispatcher, UnitChanged(unit=unit)))
    return Decision(events, tuple(sends))


def _seen_by_dispatcher(state: Paramedic) -> tuple[object, ...]:
    return (state.status, state.region, state.name, state.skills, state.vehicle)


def _consequences(state: Paramedic, event: ParamedicEvent, unit: UnitStatus) -> Iterator[Send]:
    """What an event, about to happen to `state`, makes known; `unit` is how the unit ends up."""
    if isinstance(event, OfferVoided):
        yield _answer(event.task, event.offer, event.outcome, unit, None)
        return
    task = None if isinstance(event, TaskOffered) else state.task(getattr(event, "task", ""))
    if task is None:
        return  # about the unit alone
    emergency = EntityRef("emergency", task.emergency)
    match event:
        case TaskAccepted():
            yield Send(
                emergency,
                AssignUnit(
                    unit=state.id,
                    task=task.id,
                    attempt=task.attempt,
                    accepted_at=event.at,
                    eta_s=task.eta_s,
                ),
            )
            yield _answer_task(task, "accepted", unit)
        case TaskDeclined(by_crew=by_crew, reason=reason):
            yield _answer_task(task, "declined" if by_crew else "unavailable", unit, reason)
        case TaskExpired():
            yield _answer_task(task, "expired", unit)
        case TaskProgressed():
            yield Send(emergency, _progress(state.id, task, event))
        case TaskCompleted():
            yield Send(emergency, _progress(state.id, task, event))
            yield _end(task, "completed", unit)
        case TaskHandedBack(reason=reason):
            yield Send(emergency, _release(state.id, task, reason))
            yield _end(task, "handed_back", unit, reason)
        case TaskWithdrawn(reason=reason) if not task.live:
            yield _answer_task(task, "withdrawn", unit, reason)
        case TaskWithdrawn(reason=reason, emergency_over=over):
            yield Send(emergency, _release(state.id, task, reason))
            yield _end(task, "cancelled" if over else "withdrawn", unit, reason)
        case _:
            return


def _progress(unit: str, task: Task, event: TaskProgressed | TaskCompleted) -> RecordProgress:
    outcome: CareOutcome | None = None
    if isinstance(event, TaskCompleted):
        outcome = "treated_on_scene" if task.step == "on_scene" else "handed_over"
    return RecordProgress(
        unit=unit,
        task=task.id,
        attempt=task.attempt,
        accepted_at=task.offered_at if task.accepted_at is None else task.accepted_at,
        eta_s=task.eta_s,
        step="completed" if isinstance(event, TaskCompleted) else event.step,
        at=event.at,
        outcome=outcome,
    )


def _release(unit: str, task: Task, reason: str) -> ReleaseUnit:
    return ReleaseUnit(unit=unit, task=task.id, attempt=task.attempt, reason=reason)


def _answer_task(
    task: Task, outcome: OfferOutcome, unit: UnitStatus, reason: str | None = None
) -> Send:
    offer = Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
    )
    return _answer(task.id, offer, outcome, unit, reason)


def _answer(
    task: str, offer: Offer, outcome: OfferOutcome, unit: UnitStatus, reason: str | None
) -> Send:
    return Send(
        EntityRef("dispatcher", offer.region),
        OfferAnswered(
            task=task,
            emergency=offer.emergency,
            attempt=offer.attempt,
            outcome=outcome,
            unit=unit,
            reason=reason,
        ),
    )


def _end(task: Task, outcome: TaskEnd, unit: UnitStatus, reason: str | None = None) -> Send:
    return Send(
        EntityRef("dispatcher", task.region),
        TaskEnded(
            task=task.id,
            emergency=task.emergency,
            attempt=task.attempt,
            outcome=outcome,
            unit=unit,
            reason=reason,
        ),
    )
