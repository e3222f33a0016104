"""What a dispatcher orders a unit, and the unit's entity decides: divert, wait, stand by.

Whether a unit can still be diverted is known here alone, for here its crew's steps are taken in;
so a diversion that its crew overtook is answered as an offer to a unit that is not free.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.messages.to_paramedic import DivertUnit, MoveToStation, StageTask
from actors.domain.paramedic.events import (
    Events,
    MoveOrdered,
    OfferVoided,
    TaskDiverted,
    TaskOffered,
    TaskStaged,
)
from actors.domain.paramedic.machine import MACHINE
from actors.domain.paramedic.reports import offer_of
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import ON_THE_WAY, Task
from actors.domain.values import Position


def offered(state: Paramedic, task: Task, now: float) -> Events:
    """A task is offered: into the queue, or void."""
    if state.task(task.id) is not None or task.id in state.spent:
        return ()  # a repeat, or overtaken by its own withdrawal
    if now >= task.expires_at:
        return (OfferVoided(at=now, task=task.id, offer=offer_of(task), outcome="expired"),)
    if state.status != "available":
        return (OfferVoided(at=now, task=task.id, offer=offer_of(task), outcome="unavailable"),)
    return (TaskOffered(at=now, task=task),)


def diverted(state: Paramedic, order: DivertUnit, here: Position | None, now: float) -> Events:
    """One task for another, where the old one is still there and its crew not yet on scene."""
    task = order.task
    old = state.task(order.from_task)
    known = state.task(task.id) is not None or task.id in state.spent
    if known or old is None or old.step not in ON_THE_WAY or now >= task.expires_at:
        return (*_overtaken(state, order, now), *offered(state, task, now))
    if old.live:
        MACHINE.next(state.status, "DivertUnit")
        task = replace(task, step="accepted", accepted_at=now, step_at=now)
    return (TaskDiverted(at=now, from_task=old.id, task=task, reason=order.reason, position=here),)


def _overtaken(state: Paramedic, order: DivertUnit, now: float) -> Events:
    """The offer that is to be left is still on its way here: it is void when it comes."""
    task, offer = order.from_task, order.from_offer
    if offer is None or state.task(task) is not None or task in state.spent:
        return ()
    return (OfferVoided(at=now, task=task, offer=offer, outcome="unavailable"),)


def staged(state: Paramedic, order: StageTask, now: float) -> Events:
    """Wait, or go in. Old news, or a crew that is past it, changes nothing."""
    task = state.task(order.task)
    if task is None or task.step not in ON_THE_WAY:
        return ()
    if order.revision <= task.staging_revision:
        return ()
    # Also where nothing changes: an older order that is still on its way is known for old then.
    return (TaskStaged(at=now, task=task.id, staging=order.staging, revision=order.revision),)


def moved(state: Paramedic, order: MoveToStation, here: Position | None, now: float) -> Events:
    """Stand by elsewhere, if there is nothing else to do and no newer order."""
    if not MACHINE.can(state.status, "MoveToStation"):
        return ()
    if state.moved_at is not None and order.ordered_at <= state.moved_at:
        return ()
    return (
        MoveOrdered(
            at=now,
            station=order.station,
            ordered_at=order.ordered_at,
            reason=order.reason,
            position=here,
        ),
    )
