"""The cases in a dispatcher's state: found, and put back changed."""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.events import CaseEvent
from actors.domain.dispatcher.kin import with_entry
from actors.domain.dispatcher.state import Dispatcher


def case_of(state: Dispatcher, event: CaseEvent) -> Case:
    """The case that the event is about."""
    case = state.case(event.emergency, event.slot)
    assert case is not None, "only what is known happens to a case"
    return case


def with_case(state: Dispatcher, case: Case, reserved: dict[str, str] | None = None) -> Dispatcher:
    """With the case as it is now, one that is set aside stays there; and with these reserved, if
    others are."""
    key, aside = case.key, state.merged
    if reserved is None:
        reserved = state.reserved
    if aside and key in aside and key not in state.cases:
        return replace(state, merged={**aside, key: case}, reserved=reserved)
    return replace(state, cases=with_entry(state.cases, key, case), reserved=reserved)
