"""What devices may call over their socket: their tasks, their shift, their position.

`task.accept {task}` · `task.decline {task, reason}` · `task.progress {task, step, position?}` ·
`task.hand_back {task, reason}` · `tasks` · `shift.on {position}` · `shift.off` · `shift.break` ·
`shift.resume` · `position {lat, lon, at?, accuracy_m?}`

All but `position` and `tasks` take an optional `id`, the device's own name for this command: a
repeat with the same id (after a cut connection, say) gets the first one's answer and changes
nothing. `position` is telemetry: it is answered at once and conflated; the newest wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from actors.domain.access import Facts, may
from actors.domain.kernel import Command, DomainError, EntityRef, Sender
from actors.domain.messages import ReportPosition
from actors.domain.paramedic import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ListTasks,
    ProgressTask,
    TakeBreak,
)
from actors.domain.values import Id, Latitude, Longitude, Note, Position, Seconds, Step
from actors.domain.views import ParamedicView, TaskList
from actors.errors import Busy, DeadlineExceeded, RuntimeFault
from actors.ports import Clock
from actors.router import Router
from realtime.codes import DISCONNECT_NOT_AVAILABLE
from realtime.errors import Refusal, RpcError
from realtime.ports import Identity
from web.access.decision import Decision, Told, untold
from web.command_id import derived_id, random_id

# The application's own codes (400–1999), after the HTTP status that REST answers the same with.
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNKNOWN_METHOD: Final = 404
REFUSED: Final = 409
UNAVAILABLE: Final = 503

CommandKey = Annotated[str, Meta(min_length=1, max_length=200)]
TIMEOUT_S: Final = 8.0


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


class ShiftStart(NamedCall, frozen=True, kw_only=True):
    position: Position


class PositionFix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`at`: Unix seconds, now where it is not given."""

    lat: Latitude
    lon: Longitude
    at: Seconds | None = None
    accuracy_m: float | None = None


class Nothing(Struct, frozen=True):
    """An answer that only says that it worked."""


class Call(Struct, frozen=True):
    """A method: its arguments and answer as types, and the command it stands for.

    `action`: of the access table; asked for with the caller's own unit as the thing.
    """

    action: str
    says: str
    arguments: type[Struct]
    answers: type[Struct]
    command: Callable[[Any], Command] | None = None


POSITION: Final = "position"
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
        "Say how far the accepted task is.",
        TaskProgress,
        ParamedicView,
        lambda c: ProgressTask(task=c.task, step=c.step, position=c.position),
    ),
    "task.hand_back": Call(
        "task.hand_back",
        "Give an accepted task back; it goes to another unit.",
        TaskRefusal,
        ParamedicView,
        lambda c: HandBackTask(task=c.task, reason=c.reason),
    ),
    "tasks": Call(
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
        lambda c: GoOnDuty(position=c.position),
    ),
    "shift.off": Call(
        "paramedic.shift",
        "End the shift; refused while a task is accepted.",
        NamedCall,
        ParamedicView,
        lambda _: GoOffDuty(),
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
_decoders: Final = {method: msgspec.json.Decoder(call.arguments) for method, call in CALLS.items()}


class DeviceRpc:
    """`realtime.ports.RpcHandler`: a device speaks for its own paramedic and nobody else.

    `told` of each call that the caller's role may not make.
    """

    def __init__(self, router: Router, clock: Clock, told: Told = untold) -> None:
        self._router = router
        self._clock = clock
        self._told = told

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        sender: Sender = identity.info
        if method not in CALLS:
            known = ", ".join(sorted(CALLS))
            raise RpcError(UNKNOWN_METHOD, f"methods are {known}")
        unit = EntityRef("paramedic", sender.subject)
        action = CALLS[method].action
        # A device speaks for its own unit: there is no way to name another.
        own = Facts(paramedic_id=unit.id)
        if sender.role != "paramedic" or not may(sender, action, own):
            self._told(Decision(sender, action, "call", method, False))
            raise RpcError(FORBIDDEN, "these methods are for paramedics' devices")
        arguments = _decode(_decoders[method], data)
        command = CALLS[method].command
        if command is None:
            return self._position(unit, arguments)
        id_ = derived_id(sender, method, arguments.id) if arguments.id else random_id()
        return await self._ask(unit, command(arguments), id_, sender)

    async def message(self, identity: Identity, data: bytes) -> None:
        raise Refusal(DISCONNECT_NOT_AVAILABLE.code, DISCONNECT_NOT_AVAILABLE.reason)

    def _position(self, unit: EntityRef, fix: PositionFix) -> bytes:
        now = self._clock.now()
        # A device's clock may be ahead: a fix from the future would shut out the true ones.
        at = now if fix.at is None else min(fix.at, now)
        report = ReportPosition(lat=fix.lat, lon=fix.lon, at=at, accuracy_m=fix.accuracy_m)
        self._router.signal(unit, report)
        return b"{}"

    async def _ask(self, unit: EntityRef, command: Command, id_: str, sender: Sender) -> bytes:
        try:
            if isinstance(command, ListTasks):
                return await self._router.read(
                    unit, command, by=sender, timeout_s=TIMEOUT_S, urgent=True
                )
            return await self._router.ask(
                unit, command, id=id_, by=sender, timeout_s=TIMEOUT_S, urgent=True
            )
        except DomainError as error:
            possible = f"; possible: {', '.join(error.allowed)}" if error.allowed else ""
            code = FORBIDDEN if error.code == "forbidden" else REFUSED
            raise RpcError(code, f"{error.code}: {error.message}{possible}") from None
        except (Busy, DeadlineExceeded) as error:
            raise RpcError(UNAVAILABLE, str(error), temporary=True) from None
        except RuntimeFault as error:
            raise RpcError(BAD_REQUEST, str(error)) from None


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data or b"{}")
    except msgspec.DecodeError as error:
        raise RpcError(BAD_REQUEST, str(error)) from None
