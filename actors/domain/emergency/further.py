"""What an emergency makes of the messages of its further crews (slots 2, 3, …).

As of the primary one: never refused, what is stale is ignored, a later message stands for those
before it that are not here yet.
"""

from __future__ import annotations

from typing import get_args

from actors.domain.emergency.desk import closing
from actors.domain.emergency.events import (
    Events,
    FurtherAssigned,
    FurtherProgressed,
    FurtherReleased,
)
from actors.domain.emergency.machine import STATUS_OF_STEP
from actors.domain.emergency.orders import Further
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Context
from actors.domain.messages.status import SlotStatus
from actors.domain.messages.to_emergency import AssignUnit, RecordProgress, ReleaseUnit

_ORDER: tuple[SlotStatus, ...] = get_args(SlotStatus)


def from_further(
    state: Emergency, message: AssignUnit | RecordProgress | ReleaseUnit, ctx: Context
) -> Events:
    """Nothing, where the slot was stood down: the dispatcher calls its crew back."""
    known = state.orders.slot(message.slot)
    if known is None:
        return ()
    if isinstance(message, ReleaseUnit):
        return _released(known, message, ctx.now)
    events: Events = ()
    task, status = known.task, known.status
    if message.attempt > known.attempt:
        task, status = message.task, "assigned"
        events = (
            FurtherAssigned(
                at=ctx.now,
                slot=known.slot,
                unit=message.unit,
                task=message.task,
                attempt=message.attempt,
                accepted_at=message.accepted_at,
                eta_s=message.eta_s,
                choice=message.choice if isinstance(message, AssignUnit) else None,
            ),
        )
    if isinstance(message, RecordProgress) and message.task == task:
        reached = STATUS_OF_STEP[message.step]
        step: SlotStatus = "completed" if reached == "closed" else _status(reached)
        if _ORDER.index(step) > _ORDER.index(status):
            events += (FurtherProgressed(at=message.at, slot=known.slot, status=step),)
    return closing(state, events, ctx.now) if events else ()


def is_old(message: ReleaseUnit, attempt: int, task: str | None) -> bool:
    """Whether the fate of its offer is known already.

    `attempt`: the highest offer whose fate is known, `task`: that of the crew, if there is one.
    """
    return message.attempt < attempt or (message.attempt == attempt and message.task != task)


def _released(known: Further, message: ReleaseUnit, now: float) -> Events:
    if is_old(message, known.attempt, known.task) or known.status == "completed":
        return ()
    return (
        FurtherReleased(
            at=now,
            slot=known.slot,
            unit=message.unit,
            task=message.task,
            attempt=message.attempt,
            reason=message.reason,
        ),
    )


def _status(reached: str) -> SlotStatus:
    return next(status for status in _ORDER if status == reached)
