"""What a hospital decides. Its table and who may send what: machine.py."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from actors.domain.access import require
from actors.domain.hospital.choice import Candidate
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
    LoadLapsed,
    LoadReported,
    apply,
)
from actors.domain.hospital.machine import MACHINE
from actors.domain.hospital.projection import hospital_view
from actors.domain.hospital.state import Ambulance, Hospital, Load, wake_at
from actors.domain.kernel import Context, Decision, DomainError, EntityRef, Send, Wake, fold
from actors.domain.machine import NEW
from actors.domain.messages.status import AmbulancePhase
from actors.domain.messages.to_dispatcher import HospitalChanged
from actors.domain.messages.to_hospital import RecordAmbulance

_ACTIONS: Final[dict[type, str]] = {
    RegisterHospital: "hospital.register",
    UpdateHospital: "hospital.update",
    ReportLoad: "hospital.report_load",
    RetireHospital: "hospital.retire",
    ViewHospital: "hospital.view",
}
Events = tuple[HospitalEvent, ...]
# Of two steps of one moment the later one counts.
_ORDER: Final[dict[AmbulancePhase, int]] = {"under_way": 0, "at_handover": 1, "gone": 2}


def decide(state: Hospital, command: HospitalCommand, ctx: Context) -> Decision:
    """See the table in machine.py. Raises DomainError: forbidden, not_found,
    impossible_transition."""
    require(ctx.by, _ACTIONS.get(type(command), "hospital.message"))
    match command:
        case RecordAmbulance():
            return _concluded(state, _recorded(state, command), ctx)
        case Wake():
            return _concluded(state, _lapsed(state, ctx), ctx)
        case RegisterHospital():
            return _answered(state, _registered(state, command, ctx), ctx)
        case _ if state.status == NEW:
            raise DomainError("not_found", f"no hospital {state.id}", ("RegisterHospital",))
        case ViewHospital():
            return Decision(answer=hospital_view(state, ctx.now))
        case UpdateHospital(profile_at=profile_at):
            MACHINE.next(state.status, "UpdateHospital")
            if profile_at is not None and profile_at <= state.profile_at:
                return Decision(answer=hospital_view(state, ctx.now))  # overtaken
            return _answered(state, _updated(command, ctx), ctx)
        case ReportLoad():
            return _answered(state, _reported(state, command, ctx), ctx)
        case RetireHospital():
            MACHINE.next(state.status, "RetireHospital")
            return _answered(state, (HospitalRetired(at=ctx.now),), ctx)


def _answered(state: Hospital, events: Events, ctx: Context) -> Decision:
    decision = _concluded(state, events, ctx)
    assert isinstance(decision.after, Hospital), "what people are answered has happened"
    return replace(decision, answer=hospital_view(decision.after, ctx.now))


def _concluded(state: Hospital, events: Events, ctx: Context) -> Decision:
    """The events, and what the region's dispatcher must hear: all of it, each time, so that the
    newest word stands for all before it. Of another region now: the one before hears so."""
    if not events:
        return Decision()
    after = fold(apply, state, events)
    if after.status == NEW:
        return Decision(events, after=after)
    candidate = None if after.status == "retired" else after.candidate(ctx.now)
    sends = [_told(after.region, after, candidate)]
    if state.region not in ("", after.region):
        sends.append(_told(state.region, after, None))
    return Decision(events, tuple(sends), after=after)


def _told(region: str, state: Hospital, candidate: Candidate | None) -> Send:
    word = HospitalChanged(hospital=state.id, revision=state.revision, candidate=candidate)
    return Send(EntityRef("dispatcher", region), word)


def _lapsed(state: Hospital, ctx: Context) -> Events:
    due = wake_at(state)
    return () if due is None or due > ctx.now else (LoadLapsed(at=ctx.now),)


def _registered(state: Hospital, command: RegisterHospital, ctx: Context) -> Events:
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


def _updated(command: UpdateHospital, ctx: Context) -> Events:
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


def _reported(state: Hospital, command: ReportLoad, ctx: Context) -> Events:
    MACHINE.next(state.status, f"ReportLoad:{command.intake}")
    load = Load(
        free_beds=command.free_beds,
        queue=command.queue,
        handover_s=command.handover_s,
        note=command.note,
        at=ctx.now,
    )
    return (LoadReported(at=ctx.now, intake=command.intake, load=load),)


def _recorded(state: Hospital, message: RecordAmbulance) -> Events:
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
