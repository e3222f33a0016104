"""What the crew decides about its tasks: to take one on, go through its steps, or give it back."""

from __future__ import annotations

from typing import Final

from actors.domain.kernel import Context, DomainError
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    HandBackTask,
    ProgressTask,
    RedirectTask,
)
from actors.domain.paramedic.events import (
    Events,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskHandedBack,
    TaskProgressed,
    TaskRedirected,
    TaskWithdrawn,
)
from actors.domain.paramedic.machine import MACHINE
from actors.domain.paramedic.position import newest_position, not_ahead
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import MACHINE as TASK_MACHINE
from actors.domain.task import Task

# By step so far and the one that the crew is at now. Asked at each step of each crew.
_STEPS: Final = TASK_MACHINE.steps("ProgressTask")


def accepted(state: Paramedic, command: AcceptTask, ctx: Context) -> Events:
    """Taken on. Raises DomainError: unknown_task, impossible_transition, offer_expired."""
    task, now = queued(state, command.task), ctx.now
    TASK_MACHINE.next(task.step, "AcceptTask")
    if now >= task.expires_at:
        # Its Wake is on the way; only one of the two may decide, and time has.
        raise DomainError("offer_expired", f"the offer of task {task.id} is over")
    MACHINE.next(state.status, "AcceptTask")
    here = newest_position(state, ctx.telemetry)
    event = TaskAccepted(at=now, task=task.id, position=here)
    if len(state.tasks) == 1:
        return (event,)
    return (event, *offers_dropped(state, now, "the crew took another task", keep=task.id))


def declined(state: Paramedic, command: DeclineTask, ctx: Context) -> Events:
    """Not taken on. Raises DomainError: unknown_task, impossible_transition."""
    task = queued(state, command.task)
    TASK_MACHINE.next(task.step, "DeclineTask")
    here = newest_position(state, ctx.telemetry)
    return (TaskDeclined(at=ctx.now, task=task.id, reason=command.reason, position=here),)


def progressed(state: Paramedic, command: ProgressTask, ctx: Context) -> Events:
    """At the next step. Raises DomainError: unknown_task, impossible_transition, staged."""
    task, step, now = queued(state, command.task), command.step, ctx.now
    if (task.step, step) not in _STEPS:
        TASK_MACHINE.next(task.step, f"ProgressTask:{step}")
    if step == "on_scene" and task.staging is not None:
        raise DomainError(
            "staged",
            "the scene is not safe: the crew waits at its staging point for the go-ahead",
            ("HandBackTask",),
        )
    if command.position is None:
        here = newest_position(state, ctx.telemetry)
    else:
        here = not_ahead(command.position, now)
    if step == "completed":
        return (TaskCompleted(at=now, task=task.id, position=here),)
    to = command.destination if step == "transporting" else None
    return (TaskProgressed(at=now, task=task.id, step=step, position=here, destination=to),)


def redirected(state: Paramedic, command: RedirectTask, ctx: Context) -> Events:
    """To another hospital. Raises DomainError: unknown_task, impossible_transition."""
    task, to = queued(state, command.task), command.destination
    TASK_MACHINE.next(task.step, "RedirectTask")
    if to == task.destination:
        return ()
    here, reason = newest_position(state, ctx.telemetry), command.reason
    return (TaskRedirected(at=ctx.now, task=task.id, destination=to, reason=reason, position=here),)


def handed_back(state: Paramedic, command: HandBackTask, ctx: Context) -> Events:
    """Given up. Raises DomainError: unknown_task, impossible_transition."""
    task = queued(state, command.task)
    TASK_MACHINE.next(task.step, "HandBackTask")
    here = newest_position(state, ctx.telemetry)
    return (TaskHandedBack(at=ctx.now, task=task.id, reason=command.reason, position=here),)


def withdrawn(state: Paramedic, command: WithdrawTask, ctx: Context) -> Events:
    """Staff take the unit off; that the emergency is over is not theirs to say here.

    Raises DomainError `unknown_task`.
    """
    queued(state, command.task)
    here = newest_position(state, ctx.telemetry)
    return (TaskWithdrawn(at=ctx.now, task=command.task, reason=command.reason, position=here),)


def queued(state: Paramedic, task_id: str) -> Task:
    """The task, in the queue. Raises DomainError `unknown_task`."""
    for task in state.tasks:
        if task.id == task_id:
            return task
    fate = "is over" if task_id in state.spent else "is not in the queue"
    raise DomainError("unknown_task", f"task {task_id} {fate}", MACHINE.allowed(state.status))


def offers_dropped(state: Paramedic, now: float, why: str, keep: str | None = None) -> Events:
    """All open offers but `keep` are declined, and not by the crew."""
    return tuple(
        [
            TaskDeclined(at=now, task=task.id, reason=why, by_crew=False)
            for task in state.tasks
            if not task.live and task.id != keep
        ]
    )
