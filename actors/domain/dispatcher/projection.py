"""From a dispatcher to what is shown of it: pure functions to views/dispatcher.py."""

from __future__ import annotations

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.messages.card import UnitStatus
from actors.domain.paramedic.projection import position_view
from actors.domain.timestamp import rfc3339, rfc3339_or_none
from actors.domain.views.dispatcher import CaseView, DispatcherView, UnitView


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
