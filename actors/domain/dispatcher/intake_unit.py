"""What a dispatcher takes in of units: how they stand, and their word on offers and tasks."""

from __future__ import annotations

from actors.domain.dispatcher.events import (
    CrewDone,
    CrewLost,
    Events,
    OfferClosed,
    Taken,
    UnitLeft,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.dispatcher.machine import MACHINE
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.messages.card import UnitStatus
from actors.domain.messages.to_dispatcher import OfferAnswered, TaskEnded, UnitChanged, UnitDiverted
from actors.domain.task import case_key


def unit_changed(state: Dispatcher, message: UnitChanged, now: float) -> Taken:
    """How the unit stands, if that is news."""
    return _unit(state, message.unit, now), ()


def offer_answered(state: Dispatcher, message: OfferAnswered, now: float) -> Taken:
    """The offer is over, and how the unit stands."""
    return (*_unit(state, message.unit, now), *_answer(state, message, now)), ()


def task_ended(state: Dispatcher, message: TaskEnded, now: float) -> Taken:
    """The task is over, and how the unit stands."""
    return (*_unit(state, message.unit, now), *_end(state, message, now)), ()


def unit_diverted(state: Dispatcher, message: UnitDiverted, now: float) -> Taken:
    """The unit has left one task for another, and how it stands."""
    return (*_unit(state, message.unit, now), *_diverted(state, message, now)), ()


def _unit(state: Dispatcher, unit: UnitStatus, now: float) -> Events:
    known = state.units.get(unit.unit)
    if known is not None and unit.revision <= known.revision:
        return ()
    if unit.status != "retired" and unit.region == state.id:
        return (UnitUpdated(at=now, unit=unit),)
    return () if known is None else (UnitLeft(at=now, unit=unit.unit),)


def _answer(state: Dispatcher, answer: OfferAnswered, now: float) -> Events:
    unit = answer.unit.unit
    case = state.case(answer.emergency, answer.slot)
    of_case = case is not None and case.task == answer.task and case.phase == "offered"
    if not of_case and state.reserved.get(unit) != answer.task:
        return ()  # a repeat, or overtaken by the end of the task
    return (
        OfferClosed(
            at=now,
            task=answer.task,
            emergency=answer.emergency,
            unit=unit,
            outcome=answer.outcome,
            reason=answer.reason,
            slot=answer.slot,
        ),
    )


def _end(state: Dispatcher, end: TaskEnded, now: float) -> Events:
    unit = end.unit.unit
    case = state.case(end.emergency, end.slot)
    if case is None or case.task != end.task or case.phase == "done":
        return ()  # a repeat, or of an emergency that is over
    # One that was merged is never done here: should it be its own again, somebody must go.
    aside = case_key(end.emergency, end.slot) not in state.cases
    if MACHINE.next(case.phase, f"TaskEnded:{end.outcome}") == "done" and not aside:
        return (
            CrewDone(
                at=now,
                task=end.task,
                emergency=end.emergency,
                unit=unit,
                outcome=end.outcome,
                slot=end.slot,
            ),
        )
    return (
        CrewLost(
            at=now,
            task=end.task,
            emergency=end.emergency,
            unit=unit,
            outcome=end.outcome,
            reason=end.reason,
            slot=end.slot,
        ),
    )


def _diverted(state: Dispatcher, word: UnitDiverted, now: float) -> Events:
    """Both sides in one; each counts only while it is as the unit left it."""
    left = state.case(word.from_emergency, word.from_slot)
    case = state.case(word.emergency, word.slot)
    of_left = left is not None and left.task == word.from_task and left.phase != "done"
    of_case = case is not None and case.task == word.task and case.phase == "offered"
    if not of_left and not of_case and state.reserved.get(word.unit.unit) != word.task:
        return ()
    return (
        UnitTakenOver(
            at=now,
            unit=word.unit.unit,
            from_task=word.from_task,
            from_emergency=word.from_emergency,
            from_slot=word.from_slot,
            task=word.task,
            emergency=word.emergency,
            slot=word.slot,
            accepted=word.accepted,
        ),
    )
