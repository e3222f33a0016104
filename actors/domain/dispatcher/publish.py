"""What the ops desk sees of a dispatcher: one fact per event, without health data."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from actors.domain.dispatcher.case import Case, CasePhase
from actors.domain.dispatcher.events import (
    CrewDone,
    CrewLost,
    DispatcherEvent,
    EmergencyDeferred,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    OfferClosed,
    OfferMade,
    OverrideLapsed,
    OverrideOrdered,
    ShiftReported,
    StationsUpdated,
    UnitLeft,
    UnitPosted,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.dispatcher.projection import case_view, unit_view
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Publication
from actors.domain.task import case_key
from actors.domain.timestamp import rfc3339
from actors.domain.views.dispatcher import OpsUpdate

# Regions whose totals are remembered: more than a process serves at a time.
_REMEMBERED = 64


def channel(region: str) -> str:
    """The channel of a region's facts."""
    return f"ops:{region}"


class Totals(Struct, frozen=True, gc=False):
    """How many cases of a state have a crew, and are done; how many units could be asked."""

    of: Dispatcher
    engaged: int
    done: int
    free: int


class Publishing:
    """Its memory of each region's last totals only saves time: counting all of a region at every
    event would cost more than the event itself."""

    def __init__(self) -> None:
        self._last: dict[str, Totals] = {}

    def publications(
        self, before: Dispatcher, event: DispatcherEvent, after: Dispatcher
    ) -> tuple[Publication, ...]:
        """One fact per event, with what it is about and the region's totals."""
        totals = self._totals(before, event, after)
        return (Publication(channel(after.id), _update(before, event, after, totals)),)

    def _totals(self, before: Dispatcher, event: DispatcherEvent, after: Dispatcher) -> Totals:
        last = self._last.pop(after.id, None)
        # A removal takes all cases of an emergency; any other event touches those that it names.
        if last is None or last.of is not before or isinstance(event, EmergencyRemoved):
            totals = counted(after)
        else:
            totals = _moved_on(last, event, after)
        while len(self._last) >= _REMEMBERED:
            del self._last[next(iter(self._last))]
        self._last[after.id] = totals
        return totals


def counted(state: Dispatcher) -> Totals:
    """The totals, from all there is."""
    phases = [case.phase for case in state.cases.values()]
    free = sum(unit.free and unit.unit not in state.reserved for unit in state.units.values())
    return Totals(state, phases.count("engaged"), phases.count("done"), free)


def _moved_on(last: Totals, event: DispatcherEvent, after: Dispatcher) -> Totals:
    before, (emergency, slot, unit) = last.of, _about(event)
    engaged, done, free = last.engaged, last.done, last.free
    if before.cases is not after.cases and emergency is not None:
        keys = {case_key(emergency, slot)}
        if isinstance(event, UnitTakenOver):
            keys.add(case_key(event.from_emergency, event.from_slot))
        engaged += _in_phase(after, keys, "engaged") - _in_phase(before, keys, "engaged")
        done += _in_phase(after, keys, "done") - _in_phase(before, keys, "done")
    if unit is not None:
        free += _free(after, unit) - _free(before, unit)
    return Totals(after, engaged, done, free)


def _in_phase(state: Dispatcher, keys: Iterable[str], phase: CasePhase) -> int:
    return sum(key in state.cases and state.cases[key].phase == phase for key in keys)


def _free(state: Dispatcher, unit_id: str) -> bool:
    unit = state.units.get(unit_id)
    return unit is not None and unit.free and unit_id not in state.reserved


def _update(
    before: Dispatcher, event: DispatcherEvent, after: Dispatcher, totals: Totals
) -> OpsUpdate:
    emergency, slot, unit_id = _about(event)
    case = _case(before, after, emergency, slot)
    left = None
    if isinstance(event, UnitTakenOver):
        left = _case(before, after, event.from_emergency, event.from_slot)
    unit = after.units.get(unit_id) or before.units.get(unit_id) if unit_id else None
    return OpsUpdate(
        event=type(event).__name__,
        at=rfc3339(event.at),
        emergency=emergency,
        case=None if case is None else case_view(case),
        unit=None if unit is None else unit_view(unit, after.reserved.get(unit.unit)),
        outcome=getattr(event, "outcome", None),
        reason=_reason(event),
        waiting=len(after.cases) - totals.engaged - totals.done,
        engaged=totals.engaged,
        units_free=totals.free,
        why=event.choice.reason if isinstance(event, OfferMade) and event.choice else None,
        left=None if left is None else case_view(left),
        station=event.station if isinstance(event, UnitPosted | ShiftReported) else None,
    )


def _case(before: Dispatcher, after: Dispatcher, emergency: str | None, slot: int) -> Case | None:
    if emergency is None:
        return None
    key = case_key(emergency, slot)
    here = after.cases.get(key) or before.cases.get(key)
    return here or after.merged.get(key) or before.merged.get(key)


def _reason(event: DispatcherEvent) -> str | None:
    """Why, in the words that belong to the event."""
    match event:
        case OverrideOrdered(wish=wish):
            return wish.reason
        case EmergencyDeferred() | OverrideLapsed() | UnitPosted():
            return event.reason
        case ShiftReported(fault=fault):
            return fault
        case _:
            return getattr(event, "reason", None)


def concerns(before: Dispatcher, event: DispatcherEvent, after: Dispatcher) -> str | None:
    """The patient of the emergency that the event is about, while it is known here."""
    emergency, slot, _ = _about(event)
    case = _case(before, after, emergency, slot)
    if case is None and isinstance(event, UnitTakenOver):
        case = _case(before, after, event.from_emergency, event.from_slot)  # it is shown too
    return None if case is None else case.card.patient_id


def _about(event: DispatcherEvent) -> tuple[str | None, int, str | None]:
    """The emergency, which of its units, and the unit that an event is about."""
    match event:
        case EmergencyQueued(card=card, slot=slot):
            return card.emergency, slot, None
        case EmergencyUpdated(card=card):
            return card.emergency, 1, None
        case UnitUpdated(unit=unit):
            return None, 1, unit.unit
        case UnitLeft(unit=unit_id) | UnitPosted(unit=unit_id) | ShiftReported(unit=unit_id):
            return None, 1, unit_id
        case StationsUpdated():
            return None, 1, None
        case OverrideOrdered():
            return event.emergency, event.slot, event.wish.unit
        case (
            OfferMade()
            | OfferClosed()
            | CrewLost()
            | CrewDone()
            | UnitTakenOver()
            | EmergencyDeferred()
            | OverrideLapsed()
        ):
            return event.emergency, event.slot, event.unit
        case _:
            return event.emergency, getattr(event, "slot", 1), None
