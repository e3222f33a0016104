"""What an emergency decides. Its words, table and who may send what: emergency.py.

Two kinds of commands. Those of people are refused with a DomainError when they are impossible.
Messages of entities are never refused: they can be repeated, late, or overtaken, and each such
case has its harmless answer here.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain import emergency_desk, emergency_merge, projections, views
from actors.domain.access import Facts, require
from actors.domain.emergency import (
    MACHINE,
    STATUS_OF_STEP,
    CancelEmergency,
    Cancellation,
    DestinationChanged,
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
    TakeOverEmergency,
    UnitAssigned,
    UnitReleased,
    ViewEmergency,
    apply,
    wake_at,
)
from actors.domain.emergency_further import from_further
from actors.domain.emergency_orders import (
    ExplainChoices,
    HoldEnded,
    PrimaryCompleted,
    UnitStoodDown,
)
from actors.domain.kernel import (
    Behaviour,
    Context,
    Decision,
    DomainError,
    EntityRef,
    Later,
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
    FollowPrimary,
    LinkDuplicate,
    RecordProgress,
    ReleaseUnit,
    RemoveEmergency,
    ReturnDuplicate,
    StageTask,
    WithdrawTask,
)
from actors.domain.timestamp import rfc3339
from actors.domain.triage import TriageAnswers, triage

TRIAGED_ELSEWHERE = "triaged_elsewhere"


def decide(state: Emergency, command: EmergencyCommand, ctx: Context) -> Decision:
    """See the table in emergency.py.

    Raises DomainError: forbidden, not_found, impossible_transition, and what emergency_desk.decided
    raises.
    """
    match command:
        # First what comes most often: each class before is asked for in turn.
        case RecordProgress() | AssignUnit() | ReleaseUnit():
            require(ctx.by, "emergency.message")
            return _from_paramedic(state, command, ctx)
        case RaiseEmergency():
            return _answered(state, _raise(state, command, ctx))
        case TakeOverEmergency():
            return _answered(state, _take_over(state, command, ctx))
        case ViewEmergency():
            _person(state, "emergency.view", ctx)
            return Decision(answer=projections.emergency_detail(state))
        case ExplainChoices():
            _person(state, "emergency.why", ctx)
            return Decision(answer=projections.choice_list(state))
        case CancelEmergency():
            return _answered(state, _cancel(state, command, ctx))
        case OverridePriority():
            return _answered(state, _override(state, command, ctx))
        case LinkDuplicate() | ReturnDuplicate() | FollowPrimary():
            require(ctx.by, "emergency.message")
            return _from_emergency(state, command, ctx)
        case Wake():
            return _conclude(state, _hold_over(state, ctx.now))
        case _:
            _person(state, emergency_desk.ACTIONS[type(command)], ctx)
            return _answered(state, emergency_desk.decided(state, command, ctx))


def _hold_over(state: Emergency, now: float) -> tuple[EmergencyEvent, ...]:
    due = wake_at(state)
    return () if due is None or due > now else (HoldEnded(at=now),)


def _from_emergency(
    state: Emergency, message: LinkDuplicate | ReturnDuplicate | FollowPrimary, ctx: Context
) -> Decision:
    match message:
        case LinkDuplicate():
            events, sends = emergency_merge.linked(state, message, ctx)
            return _conclude(state, events) if events else Decision(sends=sends)
        case ReturnDuplicate():
            return _conclude(state, emergency_merge.returned(state, message, ctx))
        case FollowPrimary():
            # For whoever called; the dispatcher has nothing to do with it any more.
            followed = emergency_merge.followed(state, message, ctx)
            return Decision(followed)


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
            vehicles=tuple(sorted(set(command.vehicles))),
        ),
    )


def _take_over(
    state: Emergency, command: TakeOverEmergency, ctx: Context
) -> tuple[EmergencyEvent, ...]:
    require(ctx.by, "emergency.take_over")
    MACHINE.next(state.status, "TakeOverEmergency")
    return (
        EmergencyRaised(
            at=ctx.now,
            patient_id=command.patient_id,
            region=command.region,
            location=command.location,
            address=None,
            symptoms=(),
            answers=TriageAnswers(),
            contact_phone=None,
            needs=tuple(sorted(set(command.needs))),
            priority=command.priority,
            reasons=(TRIAGED_ELSEWHERE,),
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
        return _too_late(state, message, ctx)
    if state.status == NEW:
        return Decision()  # no offer is made for what was never raised
    if message.slot > 1:
        return _conclude(state, from_further(state, message, ctx))
    if state.orders.primary_done is not None:
        return Decision()  # a repeat: nobody else is sent as the primary unit
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
                choice=message.choice if isinstance(message, AssignUnit) else None,
            ),
        )
    if isinstance(message, RecordProgress):
        events += _progress(fold(apply, state, events) if events else state, message, ctx)
    return _conclude(state, events)


def _progress(
    state: Emergency, message: RecordProgress, ctx: Context
) -> tuple[EmergencyEvent, ...]:
    if message.task != state.task:
        return ()  # of a crew that is gone
    if not MACHINE.can(state.status, f"RecordProgress:{message.step}"):
        return _redirected(state, message)
    match STATUS_OF_STEP[message.step]:
        case "closed":
            outcome = message.outcome or "handed_over"
            if all(further.status == "completed" for further in state.orders.further):
                return (EmergencyClosed(at=message.at, outcome=outcome),)
            return (PrimaryCompleted(at=message.at, outcome=outcome),)
        case ("en_route" | "on_scene" | "transporting" | "at_hospital") as status:
            to = message.destination
            return (EmergencyProgressed(at=message.at, status=status, destination=to),)
        case _:
            return ()


def _redirected(state: Emergency, message: RecordProgress) -> tuple[EmergencyEvent, ...]:
    """The crew has turned to another hospital, or this is old news."""
    to = message.destination
    if to is None or to == state.destination or message.at <= state.destination_at:
        return ()
    return (DestinationChanged(at=message.at, destination=to),)


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


def _too_late(
    state: Emergency, message: AssignUnit | RecordProgress | ReleaseUnit, ctx: Context
) -> Decision:
    """A crew that sets out for an emergency that is over is called back, and nobody else sent."""
    further = state.orders.slot(message.slot)
    known = state.attempt if message.slot == 1 else 0 if further is None else further.attempt
    if isinstance(message, ReleaseUnit) and state.status == "merged" and message.slot == 1:
        # Remembered, should it be raised again before the crew's word that it had set out.
        return Decision(_release(state, message, ctx))
    if isinstance(message, ReleaseUnit) or message.attempt <= known:
        return Decision()
    # One that was merged can be raised again; then somebody is to be sent.
    over = state.status != "merged"
    return Decision(
        sends=(_withdraw(message.unit, message.task, state, over=over), _removal(state))
    )


def _answered(state: Emergency, events: tuple[EmergencyEvent, ...]) -> Decision:
    """The same for people, who see what came of their command."""
    after = fold(apply, state, events)
    return Decision(events, _told(state, events, after), _view(after), after)


def _view(after: Emergency) -> Later:
    return Later(projections.emergency_view, after)


def _conclude(state: Emergency, events: tuple[EmergencyEvent, ...]) -> Decision:
    """The events with all that others must hear of them."""
    if not events:
        return Decision()
    after = fold(apply, state, events)
    return Decision(events, _told(state, events, after), after=after)


def _told(
    state: Emergency, events: tuple[EmergencyEvent, ...], after: Emergency
) -> tuple[Send, ...]:
    """Tell the dispatcher what it must know, and on a cancel the crew."""
    if not events:
        return ()
    if not after.ended:
        return (_changed(after), *_staged(state, after), *emergency_merge.told(state, after))
    ends: tuple[Send, ...] = (*_called_off(state, events[0]), _removal(after))
    if after.status == "cancelled":
        ends += tuple(_withdraw(unit, task, after, over=True) for unit, task in _crews(after))
    link = emergency_merge.merged(after)
    if link is not None:
        ends += (link,)
    return (*ends, *emergency_merge.told(state, after))


def _changed(state: Emergency) -> Send:
    return Send(EntityRef("dispatcher", state.region), EmergencyChanged(card=state.card()))


def _staged(before: Emergency, after: Emergency) -> Iterator[Send]:
    """A crew that is new here hears where to wait, or to wait no more.

    It heard so with its offer; but the dispatcher's word of a change may have come before the offer
    itself, and then meant nothing to it. What it knows already is old news to it.
    """
    orders = after.orders
    if not orders.staged_at:
        return
    staging = None if orders.staged is None else orders.staged.location
    known = set(_crews(before))
    for unit, task in _crews(after):
        if (unit, task) not in known:
            word = StageTask(task=task, staging=staging, revision=orders.staged_at)
            yield Send(EntityRef("paramedic", unit), word)


def _called_off(before: Emergency, event: EmergencyEvent) -> tuple[Send, ...]:
    """Of an emergency that is closed by standing its last unit down: that unit is called back.

    By its crew's task, if it is known for on the way; and by the dispatcher, for it may be asked
    only, or its word be on the way. Else a closed emergency's crews are done and need no word.
    """
    if not isinstance(event, UnitStoodDown):
        return ()
    after = apply(before, event)
    still = set(_crews(after))
    gone = [crew for crew in _crews(before) if crew not in still]
    return (_changed(after), *(_withdraw(*crew, after, over=True) for crew in gone))


def _crews(state: Emergency) -> Iterator[tuple[str, str]]:
    """Each unit that was on the case to its end, and its task."""
    if state.unit is not None and state.task is not None and state.orders.primary_done is None:
        yield state.unit, state.task
    for further in state.orders.further:
        if further.live and further.unit is not None and further.task is not None:
            yield further.unit, further.task


_END: dict[str, EndReason] = {"closed": "closed", "cancelled": "cancelled", "merged": "merged"}


def _removal(state: Emergency) -> Send:
    reason = _END[state.status]
    card = state.card() if reason == "merged" else None
    message = RemoveEmergency(emergency=state.id, reason=reason, card=card)
    return Send(EntityRef("dispatcher", state.region), message)


def _withdraw(unit: str, task: str, state: Emergency, *, over: bool) -> Send:
    reason = f"emergency {state.status}" if state.ended else "stood down"
    message = WithdrawTask(task=task, reason=reason, emergency_over=over)
    return Send(EntityRef("paramedic", unit), message)


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
    wake_at=wake_at,
    publications=publications,
    concerns=concerns,
    fact_channel=channel,
    urgent=True,
)
