"""What a hospital decides. Its table and who may send what: machine.py."""

from __future__ import annotations

from typing import Final

from actors.domain.access import require
from actors.domain.hospital.commands import (
    HospitalCommand,
    RegisterHospital,
    ReportLoad,
    RetireHospital,
    UpdateHospital,
    ViewHospital,
)
from actors.domain.hospital.events import (
    AmbulanceRecorded,
    HospitalEvent,
    HospitalRegistered,
    HospitalRetired,
    HospitalUpdated,
    LoadReported,
    apply,
)
from actors.domain.hospital.machine import MACHINE
from actors.domain.hospital.projection import hospital_view
from actors.domain.hospital.state import Ambulance, Hospital, Load
from actors.domain.kernel import Context, Decision, DomainError, Wake, fold
from actors.domain.machine import NEW
from actors.domain.messages.status import AmbulancePhase
from actors.domain.messages.to_hospital import RecordAmbulance

_ACTIONS: Final[dict[type, str]] = {
    RegisterHospital: "hospital.register",
    UpdateHospital: "hospital.update",
    ReportLoad: "hospital.report_load",
    RetireHospital: "hospital.retire",
    ViewHospital: "hospital.view",
}
# Of two steps of one moment the later one counts.
_ORDER: Final[dict[AmbulancePhase, int]] = {"under_way": 0, "at_handover": 1, "gone": 2}


def decide(state: Hospital, command: HospitalCommand, ctx: Context) -> Decision:
    """See the table in machine.py. Raises DomainError: forbidden, not_found,
    impossible_transition."""
    require(ctx.by, _ACTIONS.get(type(command), "hospital.message"))
    match command:
        case RecordAmbulance():
            return Decision(_recorded(state, command))
        case Wake():
            return Decision()
        case RegisterHospital():
            return _answered(state, _registered(state, command, ctx))
        case _ if state.status == NEW:
            raise DomainError("not_found", f"no hospital {state.id}", ("RegisterHospital",))
        case ViewHospital():
            return Decision(answer=hospital_view(state, ctx.now))
        case UpdateHospital(profile_at=profile_at):
            MACHINE.next(state.status, "UpdateHospital")
            if profile_at is not None and profile_at <= state.profile_at:
                return Decision(answer=hospital_view(state, ctx.now))  # overtaken
            return _answered(state, _updated(command, ctx))
        case ReportLoad():
            return _answered(state, _reported(state, command, ctx))
        case RetireHospital():
            MACHINE.next(state.status, "RetireHospital")
            return _answered(state, (HospitalRetired(at=ctx.now),))


def _answered(state: Hospital, events: tuple[HospitalEvent, ...]) -> Decision:
    after = fold(apply, state, events)
    return Decision(events, answer=hospital_view(after, events[0].at))


def _registered(
    state: Hospital, command: RegisterHospital, ctx: Context
) -> tuple[HospitalEvent, ...]:
    MACHINE.next(state.status, "RegisterHospital")
    return (
        HospitalRegistered(
            at=ctx.now,
            name=command.name,
            region=command.region,
            location=command.location,
            capabilities=tuple(sorted(set(command.capabilities))),
        ),
    )


def _updated(command: UpdateHospital, ctx: Context) -> tuple[HospitalEvent, ...]:
    return (
        HospitalUpdated(
            at=ctx.now,
            name=command.name,
            region=command.region,
            location=command.location,
            capabilities=tuple(sorted(set(command.capabilities))),
            profile_at=command.profile_at,
        ),
    )


def _reported(state: Hospital, command: ReportLoad, ctx: Context) -> tuple[HospitalEvent, ...]:
    MACHINE.next(state.status, f"ReportLoad:{command.intake}")
    load = Load(
        free_beds=command.free_beds,
        queue=command.queue,
        handover_s=command.handover_s,
        note=command.note,
        at=ctx.now,
    )
    return (LoadReported(at=ctx.now, intake=command.intake, load=load),)


def _recorded(state: Hospital, message: RecordAmbulance) -> tuple[HospitalEvent, ...]:
    if state.status == NEW:
        return ()  # a crew names only hospitals that were registered
    known = state.ambulances.get(message.task)
    newer = (message.at, _ORDER[message.phase])
    if known is not None and newer <= (known.since, _ORDER[known.phase]):
        return ()  # a crew that has turned away may turn back
    ambulance = Ambulance(
        unit=message.unit, priority=message.priority, phase=message.phase, since=message.at
    )
    return (AmbulanceRecorded(at=message.at, task=message.task, ambulance=ambulance),)
