"""Devices' calls over their socket (calls.py), answered by their unit's entity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from actors.domain.access import Facts, may
from actors.domain.hospital.commands import ViewHospital
from actors.domain.kernel import Command, DomainError, EntityRef, Sender
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.paramedic.commands import (
    GoOffDuty,
    ListTasks,
    ViewParamedic,
)
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import ParamedicView
from actors.errors import Busy, DeadlineExceeded, RuntimeFault
from actors.ports import Clock
from actors.router import Router
from realtime.codes import DISCONNECT_NOT_AVAILABLE
from realtime.errors import Refusal, RpcError
from realtime.ports import Identity
from storage.audit import Outcome
from web.access.caller import caller_of
from web.access.decision import Decision, Told, untold
from web.channels.calls import (
    CALLS,
    TASKS,
    Call,
    PositionFix,
    TaskProgress,
    TaskRedirection,
    TaskRefusal,
)
from web.command_id import derived_id, random_id
from web.entities import READER
from web.hospitals.destination import destination_of
from web.paramedics.named import task_in, unknown_hospital
from web.paramedics.relief import refused_relief

# The application's own codes (400–1999), after the HTTP status that REST answers the same with.
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNKNOWN_METHOD: Final = 404
REFUSED: Final = 409
UNAVAILABLE: Final = 503

V = TypeVar("V", bound=Struct)
TIMEOUT_S: Final = 8.0


_decoders: Final = {method: msgspec.json.Decoder(call.arguments) for method, call in CALLS.items()}


class _ShownTask(Struct, frozen=True):
    id: str
    emergency: str


class _Shown(Struct, frozen=True):
    """As much of an answer as the trail names: whose tasks the crew was shown."""

    tasks: tuple[_ShownTask, ...] = ()


_shown: Final = msgspec.json.Decoder(_Shown)


class DeviceRpc:
    """`realtime.ports.RpcHandler`: a device speaks for its own paramedic and nobody else.

    `told` of each call but `position`: who was refused, what was ordered and why, and whose tasks
    the answer showed.
    """

    def __init__(self, router: Router, clock: Clock, told: Told = untold) -> None:
        self._router = router
        self._clock = clock
        self._told = told

    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        sender = caller_of(identity).sender
        call = CALLS.get(method)
        if call is None:
            known = ", ".join(sorted(CALLS))
            raise RpcError(UNKNOWN_METHOD, f"methods are {known}")
        unit = EntityRef("paramedic", sender.subject)
        # A device speaks for its own unit: there is no way to name another.
        own = Facts(paramedic_id=unit.id)
        if not call.serves(sender.role) or not may(sender, call.action, own):
            self._told(
                Decision(
                    identity=identity, action=call.action, kind="call", id=method, outcome="denied"
                )
            )
            raise RpcError(FORBIDDEN, "these methods are for paramedics' devices")
        arguments = _decode(_decoders[method], data)
        if isinstance(arguments, PositionFix):
            return self._position(unit, arguments)
        id_ = derived_id(sender, method, arguments.id) if arguments.id else random_id()
        leaving: str | None = None
        try:
            leaving = await self._leaving(unit, arguments)
            answer = await self._order(unit, call, arguments, id_, sender)
        except RpcError:
            self._tell(identity, method, arguments, id_, "failed", leaving)
            raise
        except asyncio.CancelledError:
            # The socket is gone; what became of the order is in the unit's own row.
            self._tell(identity, method, arguments, id_, "begun", leaving)
            raise
        self._tell(identity, method, arguments, id_, "allowed", leaving, _shown.decode(answer))
        return answer

    async def _leaving(self, unit: EntityRef, arguments: Struct) -> str | None:
        """The emergency of a task that the answer does not show any more, and of one of which it
        is said why. None of a repeat, whose task has left already: its reason is the first one's.
        """
        match arguments:
            case TaskRefusal(task=id_) | TaskRedirection(task=id_):
                pass
            case TaskProgress(task=id_, step="completed"):
                pass
            case _:
                return None
        task = task_in(await self._unit(unit.id), id_)
        return None if task is None else task.emergency

    def _tell(
        self,
        identity: Identity,
        method: str,
        arguments: Struct,
        command_id: str,
        outcome: Outcome,
        leaving: str | None,
        shown: _Shown = _Shown(),  # noqa: B008 - frozen
    ) -> None:
        unit = caller_of(identity).sender.subject
        task: str | None = getattr(arguments, "task", None)
        named = [leaving, *(one.emergency for one in shown.tasks if one.id == task)]
        named += [one.emergency for one in shown.tasks]
        details = {"call": method}
        if method != TASKS:
            details["command"] = command_id
        self._told(
            Decision(
                identity=identity,
                action=CALLS[method].action,
                kind="paramedic" if task is None else "task",
                id=unit if task is None else task,
                outcome=outcome,
                emergencies=tuple(dict.fromkeys(one for one in named if one is not None)),
                written="" if leaving is None else getattr(arguments, "reason", ""),
                details=details,
            )
        )

    async def _order(
        self, unit: EntityRef, call: Call, arguments: Struct, id_: str, sender: Sender
    ) -> bytes:
        hospital = getattr(arguments, "hospital", None)
        if call.to_hospital is not None and hospital is not None:
            found = await self._view(EntityRef("hospital", hospital), ViewHospital(), HospitalView)
            to = destination_of(found)
            if to is None:
                return await self._refuse(unit, arguments, unknown_hospital(), id_, sender)
            command = call.to_hospital(arguments, to)
            # What is known of a hospital changes: a repeat is known by what the device said.
            return await self._ask(unit, command, id_, sender, said=arguments)
        assert call.command is not None, "only what names a hospital, or is telemetry, has none"
        command = call.command(arguments)
        if isinstance(command, GoOffDuty) and command.relief is not None:
            refusal = await refused_relief(self._unit, unit.id, command.relief)
            if refusal is not None:
                return await self._refuse(unit, command, refusal, id_, sender)
        return await self._ask(unit, command, id_, sender)

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

    async def _ask(
        self,
        unit: EntityRef,
        command: Command,
        id_: str,
        sender: Sender,
        said: Struct | None = None,
    ) -> bytes:
        if isinstance(command, ListTasks):
            return await _answered(
                self._router.read(unit, command, by=sender, timeout_s=TIMEOUT_S, urgent=True)
            )
        return await _answered(
            self._router.ask(
                unit, command, id=id_, by=sender, timeout_s=TIMEOUT_S, urgent=True, said=said
            )
        )

    async def _refuse(
        self, unit: EntityRef, said: Struct, error: DomainError, id_: str, sender: Sender
    ) -> bytes:
        return await _answered(
            self._router.refuse(
                unit, said, error, id=id_, by=sender, timeout_s=TIMEOUT_S, urgent=True
            )
        )


async def _answered(asked: Awaitable[bytes]) -> bytes:
    try:
        return await asked
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
