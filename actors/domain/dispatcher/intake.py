"""What a dispatcher takes in: messages of entities, and the clock. Nothing here is refused.

What the sender says is so; what is stale is ignored. Whom to send is asked afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.events import (
    DeferralEnded,
    DispatcherEvent,
    Events,
    HospitalNoted,
    OpsAlerted,
    RoundRestarted,
    ShiftReported,
    StationsUpdated,
    Taken,
)
from actors.domain.dispatcher.intake_emergency import emergency_changed, emergency_removed
from actors.domain.dispatcher.intake_unit import (
    offer_answered,
    task_ended,
    unit_changed,
    unit_diverted,
)
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Command
from actors.domain.messages.to_dispatcher import (
    EmergencyChanged,
    HospitalChanged,
    OfferAnswered,
    RemoveEmergency,
    ReportShift,
    StationsChanged,
    TaskEnded,
    UnitChanged,
    UnitDiverted,
)


def woken(state: Dispatcher, now: float, rules: DispatchRules) -> Events:
    """What is due at a Wake."""
    return tuple(_due(state, now, rules))


def _due(state: Dispatcher, now: float, rules: DispatchRules) -> Iterator[DispatcherEvent]:
    for case in state.cases.values():
        emergency, slot = case.card.emergency, case.slot
        if case.retry_at is not None and case.retry_at <= now:
            yield RoundRestarted(at=now, emergency=emergency, slot=slot)
        if case.deferred_until is not None and case.deferred_until <= now:
            yield DeferralEnded(at=now, emergency=emergency, slot=slot)
        called = case.escalate_at is not None and case.escalate_at <= now
        if called and not case.card.held:
            yield alert(case, now, rules)


def alert(case: Case, now: float, rules: DispatchRules) -> OpsAlerted:
    """A human is called, a level higher than the last time."""
    return OpsAlerted(
        at=now,
        emergency=case.card.emergency,
        slot=case.slot,
        tries=case.tries,
        level=case.level + 1,
        next_at=None if rules.escalate_s is None else now + rules.escalate_s,
    )


def _stations_changed(state: Dispatcher, message: StationsChanged, now: float) -> Taken:
    if message.revision <= state.stations_revision:
        return (), ()
    revision, stations = message.revision, message.stations
    return (StationsUpdated(at=now, revision=revision, stations=stations),), ()


def _hospital_changed(state: Dispatcher, message: HospitalChanged, now: float) -> Taken:
    known = state.hospitals.get(message.hospital)
    if known is not None and message.revision <= known.revision:
        return (), ()
    noted = HospitalNoted(
        at=now,
        hospital=message.hospital,
        revision=message.revision,
        candidate=message.candidate,
    )
    return (noted,), ()


def _shift_reported(_state: Dispatcher, message: ReportShift, now: float) -> Taken:
    report = ShiftReported(
        at=now,
        unit=message.unit,
        shift=message.shift,
        station=message.station,
        fault=message.fault,
    )
    return (report,), ()


# What a message makes known, and what follows at once. By type: a `match` over so many classes asks
# for each in turn, at every message.
TAKEN: Final[Mapping[type[Command], Callable[[Dispatcher, Any, float], Taken]]] = {
    EmergencyChanged: emergency_changed,
    RemoveEmergency: emergency_removed,
    UnitChanged: unit_changed,
    OfferAnswered: offer_answered,
    TaskEnded: task_ended,
    UnitDiverted: unit_diverted,
    StationsChanged: _stations_changed,
    HospitalChanged: _hospital_changed,
    ReportShift: _shift_reported,
}
