"""From states to what is shown of them: pure functions to the Structs of views.py."""

from __future__ import annotations

from actors.domain.availability import Window
from actors.domain.choice import Choice
from actors.domain.dispatcher import Case, Dispatcher
from actors.domain.doctor import ConsultationRequest, Doctor
from actors.domain.emergency import Cancellation, Emergency, Override
from actors.domain.emergency_orders import Further, Held, Staged
from actors.domain.hospital import Hospital
from actors.domain.messages import ShiftFault, UnitStatus
from actors.domain.paramedic import Paramedic
from actors.domain.paramedic_shift import PlannedShift
from actors.domain.task import Task
from actors.domain.timestamp import rfc3339, rfc3339_or_none
from actors.domain.values import Position
from actors.domain.views import (
    AvailabilityView,
    CancellationView,
    CaseView,
    ChoiceList,
    ChoiceView,
    DispatcherView,
    DoctorView,
    EmergencyDetail,
    EmergencyView,
    FleetRow,
    FollowingView,
    FurtherView,
    HoldView,
    HospitalLoad,
    HospitalView,
    OverrideView,
    ParamedicView,
    PositionView,
    RequestView,
    ShiftNotice,
    StagingView,
    TaskList,
    TaskView,
    UnitView,
    WindowView,
)


def position_view(position: Position | None) -> PositionView | None:
    if position is None:
        return None
    return PositionView(position.lat, position.lon, rfc3339(position.at), position.accuracy_m)


def emergency_view(state: Emergency) -> EmergencyView:
    orders = state.orders
    followed = orders.followed
    return EmergencyView(
        id=state.id,
        status=state.status,
        priority=state.priority,
        patient_id=state.patient_id,
        region=state.region,
        unit=state.unit,
        location=state.location,
        raised_at=rfc3339(state.raised_at),
        times={status: rfc3339(at) for status, at in state.times.items()},
        eta=rfc3339_or_none(state.eta_at),
        revision=state.revision,
        hospital=state.destination,
        crew=state.crew,
        further=tuple(map(_further_view, orders.further)),
        held=orders.held is not None,
        staged=orders.staged is not None,
        merged_into=None if followed is None else followed.emergency,
        following=None
        if followed is None
        else FollowingView(
            status=followed.status, unit=followed.unit, eta=rfc3339_or_none(followed.eta_at)
        ),
    )


def _further_view(further: Further) -> FurtherView:
    return FurtherView(
        slot=further.slot,
        status=further.status,
        unit=further.unit,
        eta=rfc3339_or_none(further.eta_at),
    )


def emergency_detail(state: Emergency) -> EmergencyDetail:
    view = emergency_view(state)
    return EmergencyDetail(
        **{name: getattr(view, name) for name in view.__struct_fields__},
        address=state.address,
        symptoms=state.symptoms,
        answers=state.answers,
        contact_phone=state.contact_phone,
        needs=state.needs,
        triage_priority=state.triage_priority,
        triage_reasons=state.triage_reasons,
        overrides=tuple(map(_override_view, state.overrides)),
        task=state.task,
        cancellation=_cancellation_view(state.cancellation),
        vehicles=state.vehicles,
        hold=_hold_view(state.orders.held),
        staging=_staging_view(state.orders.staged),
        duplicates=tuple(one.emergency for one in state.orders.duplicates),
    )


def _hold_view(held: Held | None) -> HoldView | None:
    if held is None:
        return None
    return HoldView(
        subject=held.subject,
        reason=held.reason,
        at=rfc3339(held.at),
        until=rfc3339(held.until),
    )


def _staging_view(staged: Staged | None) -> StagingView | None:
    if staged is None:
        return None
    return StagingView(
        location=staged.location,
        subject=staged.subject,
        reason=staged.reason,
        at=rfc3339(staged.at),
    )


def choice_list(state: Emergency) -> ChoiceList:
    """Why each unit that accepted was chosen."""
    choices = sorted(state.orders.choices.items())
    return ChoiceList(state.id, tuple(choice_view(slot, choice) for slot, choice in choices))


def _override_view(override: Override) -> OverrideView:
    return OverrideView(
        priority=override.priority,
        previous=override.previous,
        role=override.role,
        subject=override.subject,
        reason=override.reason,
        at=rfc3339(override.at),
    )


def _cancellation_view(cancellation: Cancellation | None) -> CancellationView | None:
    if cancellation is None:
        return None
    return CancellationView(cancellation.role, cancellation.subject, cancellation.reason)


def task_view(task: Task) -> TaskView:
    return TaskView(
        id=task.id,
        emergency=task.emergency,
        step=task.step,
        priority=task.priority,
        location=task.location,
        address=task.address,
        symptoms=task.symptoms,
        needs=task.needs,
        raised_at=rfc3339(task.raised_at),
        offered_at=rfc3339(task.offered_at),
        expires_at=rfc3339(task.expires_at),
        accepted_at=rfc3339_or_none(task.accepted_at),
        eta_s=task.eta_s,
        slot=task.slot,
        staged=task.staged,
        staging=task.staging,
        hospital=task.destination,
    )


def task_list(state: Paramedic) -> TaskList:
    return TaskList(tuple(map(task_view, state.tasks)))


def paramedic_view(state: Paramedic) -> ParamedicView:
    return ParamedicView(
        id=state.id,
        status=state.status,
        since=rfc3339(state.status_at),
        name=state.name,
        region=state.region,
        skills=state.skills,
        vehicle=state.vehicle,
        position=position_view(state.position),
        tasks=task_list(state).tasks,
        revision=state.revision,
        station=state.station,
        shifts=tuple(map(shift_notice, state.shifts)),
    )


def shift_notice(shift: PlannedShift, fault: ShiftFault | None = None) -> ShiftNotice:
    return ShiftNotice(
        id=shift.id,
        station=shift.station,
        starts_at=rfc3339(shift.starts_at),
        ends_at=rfc3339(shift.ends_at),
        cancelled=shift.cancelled,
        fault=fault,
    )


def hospital_view(state: Hospital, now: float) -> HospitalView:
    load = state.load
    return HospitalView(
        id=state.id,
        status=state.status,
        name=state.name,
        region=state.region,
        location=state.location,
        capabilities=state.capabilities,
        load=HospitalLoad(
            free_beds=load.free_beds,
            queue=load.queue,
            handover_s=load.handover_s,
            note=load.note,
            reported_at=rfc3339(load.at) if load.at else None,
            under_way=state.count("under_way"),
            at_handover=state.count("at_handover"),
            expected_wait_s=state.expected_wait_s(now),
        ),
        revision=state.revision,
    )


def fleet_row(state: Paramedic, position: Position | None) -> FleetRow:
    live = state.live_task
    return FleetRow(
        unit=state.id,
        name=state.name,
        status=state.status,
        vehicle=state.vehicle,
        position=position_view(position),
        task=None if live is None else live.id,
        emergency=None if live is None else live.emergency,
        station=state.station if state.move is None else state.move.station.id,
    )


def request_view(request: ConsultationRequest) -> RequestView:
    return RequestView(
        id=request.id,
        patient_id=request.patient_id,
        priority=request.priority,
        reason=request.reason,
        requested_at=rfc3339(request.requested_at),
    )


def doctor_view(state: Doctor) -> DoctorView:
    return DoctorView(
        id=state.id,
        status=state.status,
        since=rfc3339(state.status_at),
        name=state.name,
        specialties=state.specialties,
        registration_number=state.registration_number,
        availability=state.availability,
        requests=tuple(map(request_view, state.requests)),
        revision=state.revision,
    )


def availability_view(state: Doctor, windows: tuple[Window, ...]) -> AvailabilityView:
    return AvailabilityView(
        doctor=state.id,
        status=state.status,
        timezone=state.availability.timezone,
        windows=tuple(WindowView(rfc3339(w.from_s), rfc3339(w.to_s)) for w in windows),
    )


def unit_view(unit: UnitStatus, reserved_for: str | None) -> UnitView:
    return UnitView(
        unit=unit.unit,
        name=unit.name,
        status=unit.status,
        free=unit.free and reserved_for is None,
        skills=unit.skills,
        vehicle=unit.vehicle,
        position=position_view(unit.position),
        reserved_for=reserved_for,
        station=unit.station,
    )


def case_view(case: Case) -> CaseView:
    return CaseView(
        emergency=case.card.emergency,
        status=case.card.status,
        phase=case.phase,
        priority=case.card.priority,
        location=case.card.location,
        needs=case.card.needs,
        raised_at=rfc3339(case.card.raised_at),
        unit=case.unit,
        task=case.task,
        attempt=case.attempt,
        tries=case.tries,
        refused_by=case.refused_by,
        offer_expires_at=rfc3339_or_none(case.expires_at),
        slot=case.slot,
        held=case.card.held,
        staged=case.card.staging is not None,
        preempted=case.preempted,
        level=case.level,
        wanted_unit=None if case.wish is None else case.wish.unit,
    )


def choice_view(slot: int, choice: Choice) -> ChoiceView:
    return ChoiceView(
        slot=slot,
        unit=choice.unit,
        at=rfc3339(choice.at),
        policy=choice.policy,
        eta_s=round(choice.eta_s, 1),
        reason=choice.reason,
        by=choice.by,
        runners_up=choice.runners_up,
        waiting=choice.waiting,
        free=choice.free,
        diverted_from=choice.diverted_from,
    )


def dispatcher_view(state: Dispatcher) -> DispatcherView:
    cases = sorted(state.cases.values(), key=lambda case: case.rank)
    return DispatcherView(
        region=state.id,
        stations=state.stations,
        cases=tuple(map(case_view, cases)),
        units=tuple(
            unit_view(unit, state.reserved.get(unit.unit)) for unit in state.units.values()
        ),
    )
