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
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from actors.domain.access import Facts, may
from actors.domain.hospital.commands import ViewHospital
from actors.domain.kernel import Command, DomainError, EntityRef, Sender
from actors.domain.messages.telemetry import ReportPosition
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
    ViewParamedic,
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
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import ParamedicView, TaskList
from actors.errors import Busy, DeadlineExceeded, RuntimeFault
from actors.ports import Clock
from actors.router import Router
from realtime.codes import DISCONNECT_NOT_AVAILABLE
from realtime.errors import Refusal, RpcError
from realtime.ports import Identity
from web.access.decision import Decision, Told, untold
from web.command_id import derived_id, random_id
from web.entities import READER
from web.hospitals.destination import destination_of, known_destination
from web.paramedics.relief import refused_relief

# The application's own codes (400–1999), after the HTTP status that REST answers the same with.
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNKNOWN_METHOD: Final = 404
REFUSED: Final = 409
UNAVAILABLE: Final = 503

V = TypeVar("V", bound=Struct)
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


class Call(Struct, frozen=True):
    """A method: its arguments and answer as types, and the command it stands for.

    `action`: of the access table; asked for with the caller's own unit as the thing.
    `to_hospital`: the command of arguments that name a hospital. Neither: it is telemetry.
    """

    action: str
    says: str
    arguments: type[Struct]
    answers: type[Struct]
    command: Callable[[Any], Command] | None = None
    to_hospital: Callable[[Any, Destination], Command] | None = None


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
        call, hospital = CALLS[method], getattr(arguments, "hospital", None)
        if call.to_hospital is not None and hospital is not None:
            to = await self._destination(unit.id, arguments.task, hospital)
            command = call.to_hospital(arguments, to)
        elif call.command is not None:
            await self._check_relief(unit.id, arguments)
            command = call.command(arguments)
        else:
            return self._position(unit, arguments)
        id_ = derived_id(sender, method, arguments.id) if arguments.id else random_id()
        return await self._ask(unit, command, id_, sender)

    async def _destination(self, unit: str, task: str, hospital: str) -> Destination:
        known = known_destination(await self._unit(unit), task, hospital)
        if known is not None:
            return known
        ref = EntityRef("hospital", hospital)
        to = destination_of(await self._view(ref, ViewHospital(), HospitalView))
        if to is None:
            raise RpcError(REFUSED, "unknown_hospital: there is no such hospital")
        return to

    async def _check_relief(self, unit: str, arguments: Struct) -> None:
        if isinstance(arguments, ShiftEnd) and arguments.relief is not None:
            fault = await refused_relief(self._unit, unit, arguments.relief)
            if fault is not None:
                raise RpcError(REFUSED, f"unknown_relief: {fault}")

    async def _unit(self, unit: str) -> ParamedicView | None:
        return await self._view(EntityRef("paramedic", unit), ViewParamedic(), ParamedicView)

    async def _view(self, ref: EntityRef, command: Command, answer: type[V]) -> V | None:
        """None: never registered."""
        try:
            view = await self._router.read(ref, command, by=READER, timeout_s=TIMEOUT_S)
        except DomainError:
            return None
        except RuntimeFault as error:
            raise RpcError(UNAVAILABLE, str(error), temporary=True) from None
        return msgspec.json.decode(view, type=answer)

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
