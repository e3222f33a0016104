"""What the crew decides about its tasks: to take one on, go through its steps, or give it back."""

from __future__ import annotations

from actors.domain.kernel import Context, DomainError
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
)
from actors.domain.paramedic.machine import MACHINE
from actors.domain.paramedic.position import not_ahead
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import MACHINE as TASK_MACHINE
from actors.domain.task import Task
from actors.domain.values import Position


def on_task(
    state: Paramedic,
    command: AcceptTask | DeclineTask | ProgressTask | RedirectTask | HandBackTask,
    ctx: Context,
    here: Position | None,
) -> Events:
    """The events of a command about one task. Raises DomainError: unknown_task, offer_expired,
    staged, impossible_transition."""
    task = queued(state, command.task)
    now = ctx.now
    name = type(command).__name__
    match command:
        case AcceptTask():
            TASK_MACHINE.next(task.step, name)
            if now >= task.expires_at:
                # Its Wake is on the way; only one of the two may decide, and time has.
                raise DomainError("offer_expired", f"the offer of task {task.id} is over")
            MACHINE.next(state.status, name)
            others = offers_dropped(state, now, "the crew took another task", keep=task.id)
            return (TaskAccepted(at=now, task=task.id, position=here), *others)
        case DeclineTask(reason=reason):
            TASK_MACHINE.next(task.step, name)
            return (TaskDeclined(at=now, task=task.id, reason=reason, position=here),)
        case ProgressTask(step=step, position=position, destination=destination):
            TASK_MACHINE.next(task.step, f"{name}:{step}")
            if step == "on_scene" and task.staged:
                raise DomainError(
                    "staged",
                    "the scene is not safe: the crew waits at its staging point for the go-ahead",
                    ("HandBackTask",),
                )
            here = here if position is None else not_ahead(position, now)
            if step == "completed":
                return (TaskCompleted(at=now, task=task.id, position=here),)
            if step != "transporting":
                destination = None
            return (
                TaskProgressed(
                    at=now, task=task.id, step=step, position=here, destination=destination
                ),
            )
        case RedirectTask(destination=destination, reason=reason):
            TASK_MACHINE.next(task.step, name)
            if destination == task.destination:
                return ()
            return (
                TaskRedirected(
                    at=now, task=task.id, destination=destination, reason=reason, position=here
                ),
            )
        case HandBackTask(reason=reason):
            TASK_MACHINE.next(task.step, name)
            return (TaskHandedBack(at=now, task=task.id, reason=reason, position=here),)


def queued(state: Paramedic, task_id: str) -> Task:
    """The task, in the queue. Raises DomainError `unknown_task`."""
    task = state.task(task_id)
    if task is not None:
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
