"""What an emergency decides. Its words, table and who may send what: emergency.py.

Two kinds of commands. Those of people are refused with a DomainError when they are impossible.
Messages of entities are never refused: they can be repeated, late, or overtaken, and each such
case has its harmless answer here.
"""

from __future__ import annotations

from actors.domain import projections, views
from actors.domain.access import Facts, require
from actors.domain.emergency import (
    MACHINE,
    STATUS_OF_STEP,
    CancelEmergency,
    Cancellation,
    Emergency,
    EmergencyCancelled,
    EmergencyClosed,
    EmergencyCommand,
    EmergencyEvent,
    EmergencyProgressed,
    EmergencyRaised,
    Override,
    OverridePriority,
    PriorityOverridden,
    RaiseEmergency,
    UnitAssigned,
    UnitReleased,
    ViewEmergency,
    apply,
)
from actors.domain.kernel import (
    Behaviour,
    Context,
    Decision,
    DomainError,
    EntityRef,
    Publication,
    Send,
    Wake,
    fold,
)
from actors.domain.machine import NEW
from actors.domain.messages import (
    AssignUnit,
    EmergencyChanged,
    EndReason,
    RecordProgress,
    ReleaseUnit,
    RemoveEmergency,
    WithdrawTask,
)
from actors.domain.timestamp import rfc3339
from actors.domain.triage import triage


def decide(state: Emergency, command: EmergencyCommand, ctx: Context) -> Decision:
    """See the table in emergency.py.

    Raises DomainError: forbidden, not_found, impossible_transition.
    """
    match command:
        case RaiseEmergency():
            return _answered(state, _raise(state, command, ctx))
        case ViewEmergency():
            _person(state, "emergency.view", ctx)
            return Decision(answer=projections.emergency_detail(state))
        case CancelEmergency():
            return _answered(state, _cancel(state, command, ctx))
        case OverridePriority():
            return _answered(state, _override(state, command, ctx))
        case AssignUnit() | RecordProgress() | ReleaseUnit():
            require(ctx.by, "emergency.message")
            return _from_paramedic(state, command, ctx)
        case Wake():
            return Decision()


def _facts(state: Emergency) -> Facts:
    return Facts(patient_id=state.patient_id, crew=state.crew)


def _person(state: Emergency, action: str, ctx: Context) -> None:
    # Who may see every emergency may also know that this one does not exist; others may not.
    require(ctx.by, action, _facts(state))
    if state.status == NEW:
        raise DomainError("not_found", f"no emergency {state.id}", ("RaiseEmergency",))


def _raise(state: Emergency, command: RaiseEmergency, ctx: Context) -> tuple[EmergencyEvent, ...]:
    require(ctx.by, "emergency.raise", Facts(patient_id=command.patient_id))
    MACHINE.next(state.status, "RaiseEmergency")
    result = triage(command.answers)
    return (
        EmergencyRaised(
            at=ctx.now,
            patient_id=command.patient_id,
            region=command.region,
            location=command.location,
            address=command.address,
            symptoms=command.symptoms,
            answers=command.answers,
            contact_phone=command.contact_phone,
            needs=tuple(sorted({*result.needs, *command.needs})),
            priority=result.priority,
            reasons=result.reasons,
            role=ctx.by.role,
            subject=ctx.by.subject,
        ),
    )


def _cancel(state: Emergency, command: CancelEmergency, ctx: Context) -> tuple[EmergencyEvent, ...]:
    _person(state, "emergency.cancel", ctx)
    MACHINE.next(state.status, "CancelEmergency")
    who = Cancellation(ctx.by.role, ctx.by.subject, command.reason)
    return (EmergencyCancelled(at=ctx.now, cancellation=who),)


def _override(
    state: Emergency, command: OverridePriority, ctx: Context
) -> tuple[EmergencyEvent, ...]:
    _person(state, "emergency.override_priority", ctx)
    MACHINE.next(state.status, "OverridePriority")
    if command.priority == state.priority:
        return ()
    override = Override(
        priority=command.priority,
        previous=state.priority,
        role=ctx.by.role,
        subject=ctx.by.subject,
        reason=command.reason,
        at=ctx.now,
    )
    return (PriorityOverridden(at=ctx.now, override=override),)


def _from_paramedic(
    state: Emergency, message: AssignUnit | RecordProgress | ReleaseUnit, ctx: Context
) -> Decision:
    if state.ended:
        return _too_late(state, message)
    if state.status == NEW:
        return Decision()  # no offer is made for what was never raised
    if isinstance(message, ReleaseUnit):
        return _conclude(state, _release(state, message, ctx))
    events: tuple[EmergencyEvent, ...] = ()
    if message.attempt > state.attempt:
        # A newer crew than is known. Should there still be an older one, its release is late:
        # no offer is made before the last one is over.
        if state.unit is not None and state.task is not None:
            events += (
                UnitReleased(
                    at=ctx.now,
                    unit=state.unit,
                    task=state.task,
                    attempt=state.attempt,
                    reason="superseded by a later crew",
                ),
            )
        events += (
            UnitAssigned(
                at=ctx.now,
                unit=message.unit,
                task=message.task,
                attempt=message.attempt,
                accepted_at=message.accepted_at,
                eta_s=message.eta_s,
            ),
        )
    if isinstance(message, RecordProgress):
        events += _progress(fold(apply, state, events), message, ctx)
    return _conclude(state, events)


def _progress(
    state: Emergency, message: RecordProgress, ctx: Context
) -> tuple[EmergencyEvent, ...]:
    if message.task != state.task or not MACHINE.can(
        state.status, f"RecordProgress:{message.step}"
    ):
        return ()  # of a crew that is gone, or a step behind the one known
    match STATUS_OF_STEP[message.step]:
        case "closed":
            return (EmergencyClosed(at=message.at, outcome=message.outcome or "handed_over"),)
        case ("en_route" | "on_scene" | "transporting" | "at_hospital") as status:
            return (EmergencyProgressed(at=message.at, status=status),)
        case _:
            return ()


def _release(state: Emergency, message: ReleaseUnit, ctx: Context) -> tuple[EmergencyEvent, ...]:
    released_already = message.attempt == state.attempt and message.task != state.task
    if message.attempt < state.attempt or released_already:
        return ()
    return (
        UnitReleased(
            at=ctx.now,
            unit=message.unit,
            task=message.task,
            attempt=message.attempt,
            reason=message.reason,
        ),
    )


def _too_late(state: Emergency, message: AssignUnit | RecordProgress | ReleaseUnit) -> Decision:
    """A crew that sets out for an emergency that is over is called back, and nobody else sent."""
    if isinstance(message, ReleaseUnit) or message.attempt <= state.attempt:
        return Decision()
    return Decision(sends=(_withdraw(message.unit, message.task, state), _removal(state)))


def _answered(state: Emergency, events: tuple[EmergencyEvent, ...]) -> Decision:
    """The same for people, who see what came of their command."""
    decision = _conclude(state, events)
    view = projections.emergency_view(fold(apply, state, events))
    return Decision(decision.events, decision.sends, view)


def _conclude(state: Emergency, events: tuple[EmergencyEvent, ...]) -> Decision:
    """Tell the dispatcher what it must know, and on a cancel the crew."""
    if not events:
        return Decision()
    after = fold(apply, state, events)
    if not after.ended:
        dispatcher = EntityRef("dispatcher", after.region)
        return Decision(events, (Send(dispatcher, EmergencyChanged(card=after.card())),))
    sends: tuple[Send, ...] = (_removal(after),)
    if after.status == "cancelled" and after.unit is not None and after.task is not None:
        sends += (_withdraw(after.unit, after.task, after),)
    return Decision(events, sends)


def _removal(state: Emergency) -> Send:
    reason: EndReason = "closed" if state.status == "closed" else "cancelled"
    return Send(
        EntityRef("dispatcher", state.region), RemoveEmergency(emergency=state.id, reason=reason)
    )


def _withdraw(unit: str, task: str, state: Emergency) -> Send:
    return Send(
        EntityRef("paramedic", unit),
        WithdrawTask(task=task, reason=f"emergency {state.status}", emergency_over=True),
    )


def channel(emergency_id: str) -> str:
    """The channel of an emergency's facts."""
    return f"emergency:{emergency_id}"


def publications(
    _before: Emergency, event: EmergencyEvent, after: Emergency
) -> tuple[Publication, ...]:
    """One fact per event: what happened, and the emergency without health data."""
    update = views.EmergencyUpdate(
        type(event).__name__, rfc3339(event.at), projections.emergency_view(after)
    )
    return (Publication(channel(after.id), update),)


def concerns(_before: Emergency, _event: EmergencyEvent, after: Emergency) -> str | None:
    """The patient, whatever happens; nobody where a bystander called for an unknown person."""
    return after.patient_id


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
    publications=publications,
    concerns=concerns,
    fact_channel=channel,
    urgent=True,
)
