"""What an emergency decides. Its table and who may send what: machine.py.

Two kinds of commands. Those of people are refused with a DomainError when they are impossible.
Messages of entities are never refused: they can be repeated, late, or overtaken, and each such
case has its harmless answer here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from actors.domain.access import Facts, require
from actors.domain.emergency import desk, merge
from actors.domain.emergency.commands import (
    CancelEmergency,
    EmergencyCommand,
    ExplainChoices,
    OrderCommand,
    OverridePriority,
    RaiseEmergency,
    TakeOverEmergency,
    ViewEmergency,
)
from actors.domain.emergency.consequences import answered, concluded
from actors.domain.emergency.events import (
    EmergencyCancelled,
    EmergencyRaised,
    Events,
    HoldEnded,
    PriorityOverridden,
)
from actors.domain.emergency.machine import MACHINE
from actors.domain.emergency.primary import from_paramedic
from actors.domain.emergency.projection import choice_list, emergency_detail
from actors.domain.emergency.state import Cancellation, Emergency, Override, wake_at
from actors.domain.kernel import Command, Context, Decision, DomainError, Wake
from actors.domain.machine import NEW
from actors.domain.messages.to_emergency import (
    AssignUnit,
    FollowPrimary,
    LinkDuplicate,
    RecordProgress,
    ReleaseUnit,
    ReturnDuplicate,
)
from actors.domain.triage import TriageAnswers, triage

_NOT_ASKED: Final = TriageAnswers()
TRIAGED_ELSEWHERE = "triaged_elsewhere"
# As long as a spooled call's key is kept. A clock that puts a call back further is not believed: it
# would go before all who have waited.
LONGEST_WAIT_S: Final = 48 * 3600.0


def decide(state: Emergency, command: EmergencyCommand, ctx: Context) -> Decision:
    """See the table in machine.py.

    Raises DomainError: forbidden, not_found, impossible_transition, and what desk.decided raises.
    """
    return _DECIDED[type(command)](state, command, ctx)


def _viewed(state: Emergency, _command: ViewEmergency, ctx: Context) -> Decision:
    _person(state, "emergency.view", ctx)
    return Decision(answer=emergency_detail(state))


def _explained(state: Emergency, _command: ExplainChoices, ctx: Context) -> Decision:
    _person(state, "emergency.why", ctx)
    return Decision(answer=choice_list(state))


def _woken(state: Emergency, _command: Wake, ctx: Context) -> Decision:
    return concluded(state, _hold_over(state, ctx.now))


def _ordered(state: Emergency, command: OrderCommand, ctx: Context) -> Decision:
    _person(state, desk.ACTIONS[type(command)], ctx)
    return answered(state, desk.decided(state, command, ctx))


def _hold_over(state: Emergency, now: float) -> Events:
    due = wake_at(state)
    return () if due is None or due > now else (HoldEnded(at=now),)


def _linked(state: Emergency, message: LinkDuplicate, ctx: Context) -> Decision:
    require(ctx.by, "emergency.message")
    events, sends = merge.linked(state, message, ctx)
    return concluded(state, events) if events else Decision(sends=sends)


def _returned(state: Emergency, message: ReturnDuplicate, ctx: Context) -> Decision:
    require(ctx.by, "emergency.message")
    return concluded(state, merge.returned(state, message, ctx))


def _followed(state: Emergency, message: FollowPrimary, ctx: Context) -> Decision:
    # For whoever called; the dispatcher has nothing to do with it any more.
    require(ctx.by, "emergency.message")
    return Decision(merge.followed(state, message, ctx))


def _facts(state: Emergency) -> Facts:
    return Facts(patient_id=state.patient_id, crew=state.crew)


def _person(state: Emergency, action: str, ctx: Context) -> None:
    # Who may see every emergency may also know that this one does not exist; others may not.
    require(ctx.by, action, _facts(state))
    if state.status == NEW:
        raise DomainError("not_found", f"no emergency {state.id}", ("RaiseEmergency",))


def _raise(state: Emergency, command: RaiseEmergency, ctx: Context) -> Events:
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
            received_at=_received_at(command, ctx.now),
        ),
    )


def _received_at(command: RaiseEmergency, now: float) -> float | None:
    """When the call was taken, as far as that can be; None: it counts from now."""
    at = command.received_at
    return at if at is not None and now - LONGEST_WAIT_S <= at < now else None


def _take_over(state: Emergency, command: TakeOverEmergency, ctx: Context) -> Events:
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
            answers=_NOT_ASKED,
            contact_phone=None,
            needs=tuple(sorted(set(command.needs))) if command.needs else (),
            priority=command.priority,
            reasons=(TRIAGED_ELSEWHERE,),
            role=ctx.by.role,
            subject=ctx.by.subject,
        ),
    )


def _cancel(state: Emergency, command: CancelEmergency, ctx: Context) -> Events:
    _person(state, "emergency.cancel", ctx)
    MACHINE.next(state.status, "CancelEmergency")
    who = Cancellation(ctx.by.role, ctx.by.subject, command.reason)
    return (EmergencyCancelled(at=ctx.now, cancellation=who),)


def _override(state: Emergency, command: OverridePriority, ctx: Context) -> Events:
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


def _of_person(
    events: Callable[[Emergency, Any, Context], Events],
) -> Callable[[Emergency, Any, Context], Decision]:
    """What it leads to, with an answer."""

    def decided(state: Emergency, command: Any, ctx: Context) -> Decision:
        return answered(state, events(state, command, ctx))

    return decided


# By type: a `match` over so many classes asks for each in turn, at every command.
_DECIDED: Final[Mapping[type[Command], Callable[[Emergency, Any, Context], Decision]]] = {
    **dict.fromkeys((RecordProgress, AssignUnit, ReleaseUnit), from_paramedic),
    RaiseEmergency: _of_person(_raise),
    TakeOverEmergency: _of_person(_take_over),
    ViewEmergency: _viewed,
    ExplainChoices: _explained,
    CancelEmergency: _of_person(_cancel),
    OverridePriority: _of_person(_override),
    LinkDuplicate: _linked,
    ReturnDuplicate: _returned,
    FollowPrimary: _followed,
    Wake: _woken,
    **dict.fromkeys(desk.ACTIONS, _ordered),
}
