"""The cases in a dispatcher's state: found, and put back changed."""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.events import CaseEvent
from actors.domain.dispatcher.kin import descended
from actors.domain.dispatcher.state import Dispatcher


def case_of(state: Dispatcher, event: CaseEvent) -> Case:
    """The case that the event is about."""
    case = state.case(event.emergency, event.slot)
    assert case is not None, "only what is known happens to a case"
    return case


def with_cases(state: Dispatcher, *cases: Case) -> Dispatcher:
    """With the cases as they are now; those that are set aside stay there."""
    here: dict[str, Case] = {}
    aside = state.merged
    for case in cases:
        key = case.key
        if aside and key in aside and key not in state.cases:
            aside = {**aside, key: case}
        else:
            here[key] = case
    return replace(state, cases=descended(state.cases, here), merged=aside)
