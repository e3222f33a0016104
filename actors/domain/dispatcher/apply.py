"""How events change a dispatcher. Here: units, and what befalls a case that waits.

What emergencies say of themselves: apply_cards.py. Offers and crews: apply_offers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from actors.domain.dispatcher.apply_cards import queued, removed, stood_down, updated
from actors.domain.dispatcher.apply_offers import (
    crew_done,
    crew_lost,
    offer_closed,
    offer_made,
    offers_made,
    taken_over,
)
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.cases import case_of, with_case
from actors.domain.dispatcher.events import (
    AllRefused,
    CrewDone,
    CrewLost,
    DeferralEnded,
    DispatcherEvent,
    EmergencyDeferred,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    Events,
    HospitalNoted,
    NoUnitFree,
    OfferClosed,
    OfferMade,
    OpsAlerted,
    OverrideLapsed,
    OverrideOrdered,
    RoundRestarted,
    ShiftReported,
    StationsUpdated,
    UnitLeft,
    UnitPosted,
    UnitStoodDown,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.dispatcher.kin import descended, with_entry
from actors.domain.dispatcher.state import Dispatcher, KnownHospital, Post
from actors.domain.kernel import Event


def apply(state: Dispatcher, event: DispatcherEvent) -> Dispatcher:
    """The state after an event."""
    return _APPLIED[type(event)](state, event)


def apply_all(state: Dispatcher, events: Events) -> Dispatcher:
    """The state after these events; of many offers in a row, made at once."""
    if len(events) == 1:
        event = events[0]
        return _APPLIED[type(event)](state, event)
    offers: list[OfferMade] = []
    for event in events:
        if type(event) is OfferMade:
            offers.append(event)
            continue
        if offers:
            state, offers = offers_made(state, offers), []
        state = _APPLIED[type(event)](state, event)
    return offers_made(state, offers) if offers else state


def _unit_updated(state: Dispatcher, event: UnitUpdated) -> Dispatcher:
    unit = event.unit
    units = with_entry(state.units, unit.unit, unit)
    post = state.posts.get(unit.unit)
    if post is None or post.station is None or unit.free:
        return replace(state, units=units)
    return replace(state, units=units, posts={**state.posts, unit.unit: Post(None, post.at)})


def _unit_left(state: Dispatcher, event: UnitLeft) -> Dispatcher:
    units = descended(state.units, {}, (event.unit,))
    posts = {k: v for k, v in state.posts.items() if k != event.unit}
    return replace(state, units=units, posts=posts)


def _starved(state: Dispatcher, event: NoUnitFree) -> Dispatcher:
    return with_case(state, _calling(case_of(state, event), event.escalate_at, starved=True))


def _all_refused(state: Dispatcher, event: AllRefused) -> Dispatcher:
    case = _calling(case_of(state, event), event.escalate_at, retry_at=event.retry_at)
    return with_case(state, case)


def _calling(case: Case, escalate_at: float | None, **changes: object) -> Case:
    """Ops knows of it; who was called before is called when it was said."""
    if case.escalate_at is None:
        changes["escalate_at"] = escalate_at
    return replace(case, **changes)


def _round_restarted(state: Dispatcher, event: RoundRestarted) -> Dispatcher:
    return with_case(state, replace(case_of(state, event), retry_at=None, refused_by=()))


def _deferred(state: Dispatcher, event: EmergencyDeferred) -> Dispatcher:
    return with_case(state, replace(case_of(state, event), deferred_until=event.until))


def _deferral_ended(state: Dispatcher, event: DeferralEnded) -> Dispatcher:
    return with_case(state, replace(case_of(state, event), deferred_until=None))


def _alerted(state: Dispatcher, event: OpsAlerted) -> Dispatcher:
    case = replace(case_of(state, event), level=event.level, escalate_at=event.next_at)
    return with_case(state, case)


def _override_ordered(state: Dispatcher, event: OverrideOrdered) -> Dispatcher:
    return with_case(state, replace(case_of(state, event), wish=event.wish))


def _override_lapsed(state: Dispatcher, event: OverrideLapsed) -> Dispatcher:
    return with_case(state, replace(case_of(state, event), wish=None))


def _posted(state: Dispatcher, event: UnitPosted) -> Dispatcher:
    post = Post(event.station, event.at, event.arrives_at)
    return replace(state, posts={**state.posts, event.unit: post})


def _stations_updated(state: Dispatcher, event: StationsUpdated) -> Dispatcher:
    return replace(state, stations=event.stations, stations_revision=event.revision)


def _hospital_noted(state: Dispatcher, event: HospitalNoted) -> Dispatcher:
    known = KnownHospital(event.revision, event.candidate)
    return replace(state, hospitals={**state.hospitals, event.hospital: known})


def _shift_reported(state: Dispatcher, _event: ShiftReported) -> Dispatcher:
    return state  # for the people who watch; nothing here depends on it


# By type: a `match` over so many classes asks for each in turn, at every event.
_APPLIED: dict[type[Event], Callable[[Dispatcher, Any], Dispatcher]] = {
    EmergencyQueued: queued,
    EmergencyUpdated: updated,
    EmergencyRemoved: removed,
    UnitStoodDown: stood_down,
    UnitUpdated: _unit_updated,
    UnitLeft: _unit_left,
    OfferMade: offer_made,
    OfferClosed: offer_closed,
    UnitTakenOver: taken_over,
    CrewLost: crew_lost,
    CrewDone: crew_done,
    NoUnitFree: _starved,
    AllRefused: _all_refused,
    RoundRestarted: _round_restarted,
    EmergencyDeferred: _deferred,
    DeferralEnded: _deferral_ended,
    OpsAlerted: _alerted,
    OverrideOrdered: _override_ordered,
    OverrideLapsed: _override_lapsed,
    UnitPosted: _posted,
    StationsUpdated: _stations_updated,
    HospitalNoted: _hospital_noted,
    ShiftReported: _shift_reported,
}
