"""What a doctor decides. Its table and who may send what: machine.py."""

from __future__ import annotations

from actors.domain.access import Facts, require
from actors.domain.availability import check, free_windows
from actors.domain.doctor.commands import (
    DoctorCommand,
    GoOffDuty,
    GoOnDuty,
    RegisterDoctor,
    RequestConsultation,
    RetireDoctor,
    Return,
    SetAvailability,
    StepAway,
    UpdateDoctor,
    ViewAvailability,
    ViewDoctor,
    WithdrawRequest,
)
from actors.domain.doctor.events import (
    AvailabilitySet,
    ConsultationRequested,
    DoctorEvent,
    DoctorRegistered,
    DoctorStatusChanged,
    DoctorUpdated,
    RequestWithdrawn,
    apply,
)
from actors.domain.doctor.machine import MACHINE, DoctorStatus
from actors.domain.doctor.projection import availability_view, doctor_view, request_view
from actors.domain.doctor.state import QUEUE_LIMIT, ConsultationRequest, Doctor
from actors.domain.ids import derive_id
from actors.domain.kernel import Context, Decision, DomainError, Wake, fold
from actors.domain.machine import NEW

Events = tuple[DoctorEvent, ...]
_ACTIONS: dict[type, str] = {
    RegisterDoctor: "doctor.register",
    RetireDoctor: "doctor.retire",
    UpdateDoctor: "doctor.update",
    SetAvailability: "doctor.update",
    GoOnDuty: "doctor.shift",
    GoOffDuty: "doctor.shift",
    StepAway: "doctor.shift",
    Return: "doctor.shift",
    ViewDoctor: "doctor.view",
    ViewAvailability: "doctor.view_availability",
}
_STATUS_AFTER: dict[type, DoctorStatus] = {
    GoOnDuty: "available",
    GoOffDuty: "off_duty",
    StepAway: "away",
    Return: "available",
}


def decide(state: Doctor, command: DoctorCommand, ctx: Context) -> Decision:
    """See the table in machine.py.

    Raises DomainError: forbidden, not_found, impossible_transition, invalid_availability,
    invalid_range, already_requested, unknown_request, queue_full, requests_waiting.
    """
    if isinstance(command, Wake):
        return Decision()
    _permit(state, command, ctx)
    if state.status == NEW and not isinstance(command, RegisterDoctor):
        raise DomainError("not_found", f"no doctor {state.id}", ("RegisterDoctor",))
    match command:
        case ViewDoctor():
            return Decision(answer=doctor_view(state))
        case ViewAvailability(from_s=from_s, to_s=to_s):
            windows = free_windows(state.availability, from_s, to_s)
            return Decision(answer=availability_view(state, windows))
        case RequestConsultation():
            return _request(state, command, ctx)
        case _:
            events = _events(state, command, ctx)
            return Decision(events, answer=doctor_view(fold(apply, state, events)))


def _permit(state: Doctor, command: DoctorCommand, ctx: Context) -> None:
    match command:
        case RequestConsultation(patient_id=patient_id):
            require(ctx.by, "doctor.request_consultation", Facts(patient_id=patient_id))
        case WithdrawRequest(request=request_id):
            request = state.request(request_id)
            facts = Facts(patient_id=None if request is None else request.patient_id)
            require(ctx.by, "doctor.withdraw_request", facts)
        case _:
            require(ctx.by, _ACTIONS[type(command)], Facts(doctor_id=state.id))


def _events(
    state: Doctor,
    command: RegisterDoctor
    | UpdateDoctor
    | SetAvailability
    | GoOnDuty
    | GoOffDuty
    | StepAway
    | Return
    | WithdrawRequest
    | RetireDoctor,
    ctx: Context,
) -> Events:
    MACHINE.next(state.status, type(command).__name__)
    match command:
        case RegisterDoctor():
            return (
                DoctorRegistered(
                    at=ctx.now,
                    name=command.name,
                    specialties=tuple(sorted(set(command.specialties))),
                    registration_number=command.registration_number,
                ),
            )
        case UpdateDoctor(specialties=specialties):
            if specialties is None:
                specialties = state.specialties
            return (
                DoctorUpdated(
                    at=ctx.now,
                    name=command.name or state.name,
                    specialties=tuple(sorted(set(specialties))),
                    registration_number=command.registration_number or state.registration_number,
                ),
            )
        case SetAvailability(availability=availability):
            check(availability)
            return (AvailabilitySet(at=ctx.now, availability=availability),)
        case WithdrawRequest(request=request, reason=reason):
            if state.request(request) is None:
                raise DomainError("unknown_request", f"no request {request} is waiting")
            return (RequestWithdrawn(at=ctx.now, request=request, reason=reason),)
        case RetireDoctor():
            if state.requests:
                waiting = len(state.requests)
                raise DomainError(
                    "requests_waiting", f"{waiting} patients wait", ("WithdrawRequest",)
                )
            return (DoctorStatusChanged(at=ctx.now, status="retired"),)
        case GoOnDuty() | GoOffDuty() | StepAway() | Return():
            return (DoctorStatusChanged(at=ctx.now, status=_STATUS_AFTER[type(command)]),)


def _request(state: Doctor, command: RequestConsultation, ctx: Context) -> Decision:
    MACHINE.next(state.status, "RequestConsultation")
    if any(request.patient_id == command.patient_id for request in state.requests):
        raise DomainError(
            "already_requested", "this patient waits here already", ("WithdrawRequest",)
        )
    if len(state.requests) >= QUEUE_LIMIT:
        raise DomainError("queue_full", f"{QUEUE_LIMIT} patients wait here already")
    request = ConsultationRequest(
        id=derive_id(ctx.now, ctx.id, "consultation request"),
        patient_id=command.patient_id,
        priority=command.priority,
        reason=command.reason,
        requested_at=ctx.now,
    )
    events: Events = (ConsultationRequested(at=ctx.now, request=request),)
    return Decision(events, answer=request_view(request))
