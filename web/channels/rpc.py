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
from actors.errors import Busy, DeadlineExceeded, RuntimeFault
from actors.ports import Clock
from actors.router import Router
from realtime.errors import RpcError
from realtime.ports import Identity
from web.command_id import derived_id, random_id

# The application's own codes (400–1999), after the HTTP status that REST answers the same with.
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNKNOWN_METHOD: Final = 404
REFUSED: Final = 409
UNAVAILABLE: Final = 503

CommandKey = Annotated[str, Meta(min_length=1, max_length=200)]
TIMEOUT_S: Final = 8.0


class _Call(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: CommandKey | None = None


class _Plain(_Call, frozen=True, kw_only=True):
    pass


class _Accept(_Call, frozen=True, kw_only=True):
    task: Id


class _WithReason(_Call, frozen=True, kw_only=True):
    task: Id
    reason: Note


class _Progress(_Call, frozen=True, kw_only=True):
    task: Id
    step: Step
    position: Position | None = None


class _On(_Call, frozen=True, kw_only=True):
    position: Position


class _Fix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    lat: Latitude
    lon: Longitude
    at: Seconds | None = None
    accuracy_m: float | None = None


class _Method(Struct, frozen=True):
    arguments: msgspec.json.Decoder[Any]
    command: Callable[[Any], Command]


def _method(arguments: type[_Call], command: Callable[[Any], Command]) -> _Method:
    return _Method(msgspec.json.Decoder(arguments), command)


METHODS: Final[Mapping[str, _Method]] = {
    "task.accept": _method(_Accept, lambda c: AcceptTask(task=c.task)),
    "task.decline": _method(_WithReason, lambda c: DeclineTask(task=c.task, reason=c.reason)),
    "task.progress": _method(
        _Progress, lambda c: ProgressTask(task=c.task, step=c.step, position=c.position)
    ),
    "task.hand_back": _method(_WithReason, lambda c: HandBackTask(task=c.task, reason=c.reason)),
    "tasks": _method(_Plain, lambda _: ListTasks()),
    "shift.on": _method(_On, lambda c: GoOnDuty(position=c.position)),
    "shift.off": _method(_Plain, lambda _: GoOffDuty()),
    "shift.break": _method(_Plain, lambda _: TakeBreak()),
    "shift.resume": _method(_Plain, lambda _: EndBreak()),
}
POSITION: Final = "position"
_fix = msgspec.json.Decoder(_Fix)


class DeviceRpc:
    """`realtime.ports.RpcHandler`: a device speaks for its own paramedic and nobody else."""

    def __init__(self, router: Router, clock: Clock) -> None:
        self._router = router
        self._clock = clock

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        sender: Sender = identity.info
        if method != POSITION and method not in METHODS:
            known = ", ".join(sorted((*METHODS, POSITION)))
            raise RpcError(UNKNOWN_METHOD, f"methods are {known}")
        if sender.role != "paramedic":
            raise RpcError(FORBIDDEN, "these methods are for paramedics' devices")
        unit = EntityRef("paramedic", sender.subject)
        if method == POSITION:
            return self._position(sender, unit, data)
        chosen = METHODS[method]
        call = _decode(chosen.arguments, data)
        id_ = derived_id(sender, method, call.id) if call.id else random_id()
        return await self._ask(unit, chosen.command(call), id_, sender)

    def _position(self, sender: Sender, unit: EntityRef, data: bytes) -> bytes:
        if not may(sender, "paramedic.report_position", Facts(paramedic_id=unit.id)):
            raise RpcError(FORBIDDEN, "positions come from the unit's own device")
        fix = _decode(_fix, data)
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
