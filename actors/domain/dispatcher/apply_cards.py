"""How the word of emergencies changes a dispatcher: cases come, go, and are set aside."""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.cases import with_case
from actors.domain.dispatcher.events import (
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    UnitStoodDown,
)
from actors.domain.dispatcher.kin import descended, with_entry
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.messages.card import EmergencyCard
from actors.domain.task import case_key
from actors.domain.values import Location

# Ended emergencies are remembered a while, for messages about them that were overtaken by their
# end; bounded in number too. One that slips through is put right by the emergency itself, which
# answers an AssignUnit after its end with WithdrawTask and RemoveEmergency.
TOMBSTONE_S = 600.0
TOMBSTONES = 256
# The estimate of demand is about neighbourhoods; it is not to keep where anybody was.
_DEMAND_DIGITS = 3


def queued(state: Dispatcher, event: EmergencyQueued) -> Dispatcher:
    """A case that waits; or one that was set aside goes on."""
    card, key = event.card, case_key(event.card.emergency, event.slot)
    aside = state.merged.get(key)
    if aside is not None:
        merged = {k: v for k, v in state.merged.items() if k != key}
        return with_case(replace(state, merged=merged), replace(aside, card=card))
    # Offers are numbered on from what the emergency has heard of, should it have been here before.
    attempt = card.attempt if event.slot == 1 else 0
    case = Case(card=card, slot=event.slot, attempt=attempt, wish=event.wish, since=event.at)
    cases = with_entry(state.cases, key, case)
    if event.slot != 1:
        return replace(state, cases=cases)
    demand = state.demand.with_call(_about(card.location), event.at)
    return replace(state, cases=cases, demand=demand)


def _about(location: Location) -> Location:
    """Near there. A place of a scenario stays itself, for its travel times know no others."""
    if type(location) is not Location:
        return location
    return Location(round(location.lat, _DEMAND_DIGITS), round(location.lon, _DEMAND_DIGITS))


def updated(state: Dispatcher, event: EmergencyUpdated) -> Dispatcher:
    """All cases of the emergency, with its newer card."""
    card, at = event.card, event.at
    cases, key = state.cases, card.emergency
    if not card.further and key in cases:
        return replace(state, cases=with_entry(cases, key, _newer(cases[key], card, at)))
    slots = (1, *(further.slot for further in card.further))
    keys = [case_key(card.emergency, slot) for slot in slots]
    known = [state.cases[key] for key in keys if key in state.cases]
    for case in known:
        state = with_case(state, _newer(case, card, at))
    return state


def _newer(case: Case, card: EmergencyCard, at: float) -> Case:
    if case.slot == 1 and card.status != case.card.status:
        return replace(case, card=card, since=at)
    newer = replace(case, card=card)
    return newer if newer.status == case.status else replace(newer, since=at)


def removed(state: Dispatcher, event: EmergencyRemoved) -> Dispatcher:
    """Its cases are gone; or set aside, where it was merged."""
    of_it: dict[str, Case] = {}
    first = state.cases.get(event.emergency)
    for slot in () if first is None else (1, *(further.slot for further in first.card.further)):
        key = case_key(event.emergency, slot)
        if key in state.cases:
            of_it[key] = state.cases[key]
    cases = descended(state.cases, {}, of_it)
    if event.card is None:
        merged = state.merged
        if merged:
            merged = {k: c for k, c in merged.items() if c.card.emergency != event.emergency}
        return replace(state, cases=cases, merged=merged, ended=_buried(state.ended, event))
    if event.emergency not in cases and not of_it:
        # Set aside already, and a newer card of it; or merged before it was heard of here.
        of_it[event.emergency] = state.merged.get(event.emergency) or Case(
            card=event.card, attempt=event.card.attempt, since=event.at
        )
    aside = {k: _set_aside(c, event.card) for k, c in of_it.items() if c.phase != "done"}
    merged = dict(list({**state.merged, **aside}.items())[-TOMBSTONES:])
    return replace(state, cases=cases, merged=merged)


def _set_aside(case: Case, card: EmergencyCard) -> Case:
    """Without what is the patient's own; it comes back with the next card."""
    card = replace(card, symptoms=(), address=None, care=())
    return replace(
        case,
        card=card,
        wish=None,
        retry_at=None,
        escalate_at=None,
        deferred_until=None,
        recalled=case.task,
    )


def _buried(ended: dict[str, float], event: EmergencyRemoved) -> dict[str, float]:
    ended = dict(ended)
    # The oldest stand first: they were put in as they came.
    while ended:
        oldest = next(iter(ended))
        if len(ended) < TOMBSTONES and ended[oldest] > event.at - TOMBSTONE_S:
            break
        del ended[oldest]
    ended[event.emergency] = event.at
    return ended


def stood_down(state: Dispatcher, event: UnitStoodDown) -> Dispatcher:
    """That case is gone."""
    gone = case_key(event.emergency, event.slot)
    return replace(state, cases=descended(state.cases, {}, (gone,)))
