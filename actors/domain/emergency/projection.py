"""From an emergency to what is shown of it: pure functions to views/emergency.py."""

from __future__ import annotations

from actors.domain.choice import Choice
from actors.domain.emergency.orders import Further, Held, Staged
from actors.domain.emergency.state import Cancellation, Emergency, Override
from actors.domain.timestamp import rfc3339, rfc3339_or_none
from actors.domain.views.emergency import (
    CancellationView,
    ChoiceList,
    ChoiceView,
    EmergencyDetail,
    EmergencyView,
    FollowingView,
    FurtherView,
    HoldView,
    OverrideView,
    StagingView,
)


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
        entered_at=rfc3339(state.raised_at if state.entered_at is None else state.entered_at),
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


def choice_list(state: Emergency) -> ChoiceList:
    """Why each unit that accepted was chosen."""
    choices = sorted(state.orders.choices.items())
    return ChoiceList(state.id, tuple(choice_view(slot, choice) for slot, choice in choices))


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
        ruled_out=choice.ruled_out,
        waiting=choice.waiting,
        free=choice.free,
        diverted_from=choice.diverted_from,
    )
