"""How offers, their answers and the end of tasks change a dispatcher."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.cases import case_of, with_case
from actors.domain.dispatcher.events import (
    CrewDone,
    CrewLost,
    OfferClosed,
    OfferMade,
    UnitTakenOver,
)
from actors.domain.dispatcher.kin import descended, with_entry
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.task import case_key


def offer_made(state: Dispatcher, event: OfferMade) -> Dispatcher:
    """The case is offered, the unit reserved."""
    key, reserved = case_key(event.emergency, event.slot), state.reserved.copy()
    reserved[event.unit] = event.task
    cases = with_entry(state.cases, key, _offered(state.cases[key], event))
    return replace(state, reserved=reserved, cases=cases)


def offers_made(state: Dispatcher, events: Iterable[OfferMade]) -> Dispatcher:
    """As above for each, in one copy of the state."""
    reserved, cases = dict(state.reserved), dict[str, Case]()
    for event in events:
        reserved[event.unit] = event.task
        key = case_key(event.emergency, event.slot)
        cases[key] = _offered(cases.get(key) or state.cases[key], event)
    return replace(state, reserved=reserved, cases=descended(state.cases, cases))


def _offered(case: Case, event: OfferMade) -> Case:
    return replace(
        case,
        phase="offered",
        task=event.task,
        unit=event.unit,
        attempt=event.attempt,
        expires_at=event.expires_at,
        retry_at=None,
        starved=False,
        deferred_until=None,
        wish=None,
        diverts=event.diverts,
        firm=False,
        choice=event.choice,
        eta_at=event.at + event.eta_s,
        since=event.at,
    )


def offer_closed(state: Dispatcher, event: OfferClosed) -> Dispatcher:
    """The unit is reserved no more; the case is engaged, or waits again."""
    if event.outcome == "accepted":
        return _taken_on(state, event)
    state = _unreserve(state, event.unit, event.task)
    if event.unit not in state.reserved:
        state = _still_asked(state, event.unit, event.task)
    case = state.case(event.emergency, event.slot)
    if case is None or case.task != event.task:
        return state
    if event.outcome == "unavailable":
        state = _found_firm(state, case)
        case = _waiting(case)  # nobody was asked, so nobody refused
    elif event.outcome == "withdrawn" and (
        case.wish is not None or case.card.held or case.recalled == event.task
    ):
        case = _waiting(case)  # the desk wanted it so
    else:
        case = _waiting(case, refused_by=event.unit)
        case = replace(case, tries=case.tries + 1)
    return with_case(state, case)


def _taken_on(state: Dispatcher, event: OfferClosed) -> Dispatcher:
    reserved = _reserved_without(state, event.unit, event.task)
    case = state.case(event.emergency, event.slot)
    if case is None or case.task != event.task:
        return replace(state, reserved=reserved)
    return with_case(state, _engaged(case, event.at), reserved)


def _still_asked(state: Dispatcher, unit: str, task: str) -> Dispatcher:
    """A unit that was to leave an offer for `task`, and now does not, is asked for that offer."""
    for case in (*state.cases.values(), *state.merged.values()):
        if case.phase == "offered" and case.unit == unit and case.task not in (None, task):
            return replace(state, reserved={**state.reserved, unit: case.task})
    return state


def _found_firm(state: Dispatcher, case: Case) -> Dispatcher:
    """The unit would not leave for `case`: it is further than was known here."""
    kept = None if case.diverts is None else state.cases.get(case.diverts)
    if kept is None or kept.unit != case.unit:
        return state
    return with_case(state, replace(kept, firm=True))


def taken_over(state: Dispatcher, event: UnitTakenOver) -> Dispatcher:
    """The one case waits again, the other is engaged or asked for."""
    left = state.case(event.from_emergency, event.from_slot)
    if left is not None and left.task == event.from_task:
        left = replace(_waiting(left), preempted=left.preempted + 1)
        # Asked for it still, where the answer about the new task has overtaken this word.
        state = _unreserve(with_case(state, left), event.unit, event.from_task)
    case = state.case(event.emergency, event.slot)
    if event.accepted:
        state = _unreserve(state, event.unit, event.task)
        if case is not None and case.task == event.task and case.phase == "offered":
            state = with_case(state, _engaged(case, event.at))
    elif case is not None and case.task == event.task:
        state = with_case(state, replace(case, diverts=None))  # asked like any other now
    return state


def crew_lost(state: Dispatcher, event: CrewLost) -> Dispatcher:
    """The case waits again."""
    case = case_of(state, event)
    # Reserved still, where the end of the task overtook the word that it was accepted.
    state = _unreserve(state, event.unit, event.task)
    refused = event.outcome == "handed_back" or case.recalled != event.task
    return with_case(state, _waiting(case, refused_by=event.unit if refused else None))


def crew_done(state: Dispatcher, event: CrewDone) -> Dispatcher:
    """The case is done."""
    state = _unreserve(state, event.unit, event.task)
    return with_case(state, replace(case_of(state, event), phase="done", expires_at=None))


def _engaged(case: Case, at: float) -> Case:
    return replace(
        case,
        phase="engaged",
        tries=0,
        refused_by=(),
        expires_at=None,
        diverts=None,
        wish=None,
        level=0,
        escalate_at=None,
        since=at,
    )


def _waiting(case: Case, refused_by: str | None = None) -> Case:
    refusers = case.refused_by
    if refused_by is not None and refused_by not in refusers:
        refusers = (*refusers, refused_by)
    return replace(
        case,
        phase="waiting",
        task=None,
        unit=None,
        expires_at=None,
        diverts=None,
        firm=False,
        recalled=None,
        eta_at=None,
        refused_by=refusers,
    )


def _unreserve(state: Dispatcher, unit: str, task: str) -> Dispatcher:
    reserved = _reserved_without(state, unit, task)
    return state if reserved is state.reserved else replace(state, reserved=reserved)


def _reserved_without(state: Dispatcher, unit: str, task: str) -> dict[str, str]:
    if state.reserved.get(unit) != task:
        return state.reserved
    reserved = state.reserved.copy()
    del reserved[unit]
    return reserved
