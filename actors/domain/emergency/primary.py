"""What an emergency makes of the messages of its primary crew (slot 1).

Never refused: what is stale is ignored, a later message stands for those before it that are not
here yet, and who comes too late is told to withdraw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

from actors.domain.access import require, roles_of
from actors.domain.emergency.apply import apply_all
from actors.domain.emergency.consequences import concluded, removal, withdraw
from actors.domain.emergency.events import (
    DestinationChanged,
    EmergencyClosed,
    EmergencyProgressed,
    Events,
    PrimaryCompleted,
    UnitAssigned,
    UnitReleased,
)
from actors.domain.emergency.further import from_further, is_old
from actors.domain.emergency.machine import ENDED, MACHINE
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Context, Decision
from actors.domain.machine import NEW
from actors.domain.messages.to_emergency import AssignUnit, RecordProgress, ReleaseUnit

_Reached = Literal["en_route", "on_scene", "transporting", "at_hospital", "closed"]
# By status and the crew's step: the status after it. Asked at each step of each crew.
_REACHED: Final = cast("Mapping[tuple[str, str], _Reached]", MACHINE.steps("RecordProgress"))
_NOTHING: Final = Decision()
_SENDERS: Final = roles_of("emergency.message")


def from_paramedic(
    state: Emergency, message: AssignUnit | RecordProgress | ReleaseUnit, ctx: Context
) -> Decision:
    """What the message makes known, whichever slot's crew it is of. Raises DomainError
    `forbidden`."""
    if ctx.by.role not in _SENDERS:
        require(ctx.by, "emergency.message")
    if state.status in ENDED:
        return _too_late(state, message, ctx)
    if state.status == NEW:
        return _NOTHING  # no offer is made for what was never raised
    if message.slot > 1:
        return concluded(state, from_further(state, message, ctx))
    if state.orders.primary_done is not None:
        return _NOTHING  # a repeat: nobody else is sent as the primary unit
    if type(message) is ReleaseUnit:
        return concluded(state, _release(state, message, ctx))
    events: Events = ()
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
                choice=message.choice if type(message) is AssignUnit else None,
            ),
        )
    # By type: asking whether it is one of a class takes longest where it is not.
    if type(message) is RecordProgress:
        events += _progress(apply_all(state, events) if events else state, message, ctx)
    return concluded(state, events)


def _progress(state: Emergency, message: RecordProgress, ctx: Context) -> Events:
    if message.task != state.task:
        return ()  # of a crew that is gone
    reached = _REACHED.get((state.status, message.step))
    if reached is None:
        return _redirected(state, message)
    if reached != "closed":
        to = message.destination
        return (EmergencyProgressed(at=message.at, status=reached, destination=to),)
    outcome = message.outcome or "handed_over"
    if all(further.status == "completed" for further in state.orders.further):
        return (EmergencyClosed(at=message.at, outcome=outcome),)
    return (PrimaryCompleted(at=message.at, outcome=outcome),)


def _redirected(state: Emergency, message: RecordProgress) -> Events:
    """The crew has turned to another hospital, or this is old news."""
    to = message.destination
    if to is None or to == state.destination or message.at <= state.destination_at:
        return ()
    return (DestinationChanged(at=message.at, destination=to),)


def _release(state: Emergency, message: ReleaseUnit, ctx: Context) -> Events:
    if is_old(message, state.attempt, state.task):
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
    return Decision(sends=(withdraw(message.unit, message.task, state, over=over), removal(state)))
