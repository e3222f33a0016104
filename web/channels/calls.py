"""What devices may call over their socket: their tasks, their shift, their position.

`task.accept {task}` · `task.decline {task, reason}` ·
`task.progress {task, step, position?, hospital?}` · `task.redirect {task, hospital, reason}` ·
`task.hand_back {task, reason}` · `tasks` · `shift.on {position, station?}` ·
`shift.off {relief?, note?}` · `shift.break` · `shift.resume` ·
`position {lat, lon, at?, accuracy_m?}`

All but `position` and `tasks` take an optional `id`, the device's own name for this command: a
repeat with the same id (after a cut connection, say) gets the first one's answer and changes
nothing. `position` is telemetry: it is answered at once and conflated; the newest wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from actors.domain.access import could
from actors.domain.kernel import Command, Role
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ListTasks,
    ProgressTask,
    RedirectTask,
    TakeBreak,
)
from actors.domain.values import (
    Destination,
    Id,
    Latitude,
    Longitude,
    Note,
    Position,
    Seconds,
    Step,
)
from actors.domain.views.paramedic import ParamedicView, TaskList

CommandKey = Annotated[str, Meta(min_length=1, max_length=200)]


class NamedCall(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A call without arguments. `id`: the device's own name for it, for safe repeats."""

    id: CommandKey | None = None


class TaskAcceptance(NamedCall, frozen=True, kw_only=True):
    task: Id


class TaskRefusal(NamedCall, frozen=True, kw_only=True):
    task: Id
    reason: Note


class TaskProgress(NamedCall, frozen=True, kw_only=True):
    task: Id
    step: Step
    position: Position | None = None
    hospital: Id | None = None


class TaskRedirection(NamedCall, frozen=True, kw_only=True):
    task: Id
    hospital: Id
    reason: Note


class ShiftStart(NamedCall, frozen=True, kw_only=True):
    position: Position
    station: Id | None = None


class ShiftEnd(NamedCall, frozen=True, kw_only=True):
    relief: Id | None = None
    note: Note | None = None


class PositionFix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`at`: Unix seconds, now where it is not given."""

    lat: Latitude
    lon: Longitude
    at: Seconds | None = None
    accuracy_m: float | None = None


class Nothing(Struct, frozen=True):
    """An answer that only says that it worked."""


# Devices only: each speaks for its own unit, and no other role can call, whatever the access table
# lets it do to units by other doors.
DEVICES: Final[tuple[Role, ...]] = ("paramedic",)


class Call(Struct, frozen=True):
    """A method: its arguments and answer as types, and the command it stands for.

    `action`: of the access table; asked for with the caller's own unit as the thing. `callers`: the
    roles that may call at all, where the table lets them.
    `to_hospital`: the command of arguments that name a hospital. Neither: it is telemetry.
    """

    action: str
    says: str
    arguments: type[Struct]
    answers: type[Struct]
    command: Callable[[Any], Command] | None = None
    to_hospital: Callable[[Any, Destination], Command] | None = None
    callers: tuple[Role, ...] = DEVICES

    def serves(self, role: Role) -> bool:
        """Whether there can be a unit for which a caller of this role may call this."""
        return role in self.callers and could(role, self.action)


POSITION: Final = "position"
# A read: it has no command, and no row of the unit's speaks of it.
TASKS: Final = "tasks"
CALLS: Final[Mapping[str, Call]] = {
    "task.accept": Call(
        "task.answer",
        "Take the task that was offered.",
        TaskAcceptance,
        ParamedicView,
        lambda c: AcceptTask(task=c.task),
    ),
    "task.decline": Call(
        "task.answer",
        "Refuse the task that was offered; it goes to the next unit.",
        TaskRefusal,
        ParamedicView,
        lambda c: DeclineTask(task=c.task, reason=c.reason),
    ),
    "task.progress": Call(
        "task.progress",
        "Say how far the accepted task is; with transporting, to which hospital.",
        TaskProgress,
        ParamedicView,
        lambda c: ProgressTask(task=c.task, step=c.step, position=c.position),
        lambda c, to: ProgressTask(task=c.task, step=c.step, position=c.position, destination=to),
    ),
    "task.redirect": Call(
        "task.progress",
        "On the way to a hospital, turn to another one.",
        TaskRedirection,
        ParamedicView,
        to_hospital=lambda c, to: RedirectTask(task=c.task, destination=to, reason=c.reason),
    ),
    "task.hand_back": Call(
        "task.hand_back",
        "Give an accepted task back; it goes to another unit.",
        TaskRefusal,
        ParamedicView,
        lambda c: HandBackTask(task=c.task, reason=c.reason),
    ),
    TASKS: Call(
        "task.list",
        "The task queue, most urgent first.",
        NamedCall,
        TaskList,
        lambda _: ListTasks(),
    ),
    "shift.on": Call(
        "paramedic.shift",
        "Begin the shift, here.",
        ShiftStart,
        ParamedicView,
        lambda c: GoOnDuty(position=c.position, station=c.station),
    ),
    "shift.off": Call(
        "paramedic.shift",
        "End the shift; refused while a task is accepted. The relief is told the note.",
        ShiftEnd,
        ParamedicView,
        lambda c: GoOffDuty(relief=c.relief, note=c.note),
    ),
    "shift.break": Call(
        "paramedic.shift", "Begin a break.", NamedCall, ParamedicView, lambda _: TakeBreak()
    ),
    "shift.resume": Call(
        "paramedic.shift", "End the break.", NamedCall, ParamedicView, lambda _: EndBreak()
    ),
    POSITION: Call(
        "paramedic.report_position", "Where the unit is; the newest wins.", PositionFix, Nothing
    ),
}
