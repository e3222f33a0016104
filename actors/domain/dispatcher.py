"""The dispatcher of a region: its state, and how events change it. Decisions: dispatcher_decide.py.

It holds the region's emergencies that are not over and its units, and alone offers the one to the
other. What is wanted for an emergency is a case (dispatcher_case.py): waiting, offered, engaged,
done. A unit that was asked is reserved until its answer came, whatever happened to the emergency
meanwhile.

Commands, and who may send them
- EmergencyChanged, RemoveEmergency: emergencies. UnitChanged, OfferAnswered, TaskEnded,
  UnitDiverted, ReportShift: paramedics' entities. StationsChanged: the records. Never refused; what
  is stale is ignored.
- Wake: the runtime, when a round of refusals is to be forgotten, a human called again, or the
  policy asked again. PlanNow: who plays a scenario.
- OverrideAssignment: staff (dispatcher_desk.py). This unit is to go to that emergency.
- ViewDispatcher, ListSuggestions, ListDuplicates, ExplainCase: staff. Change nothing.

It never asks for a case again before the last unit's own entity has answered: that, and the
paramedic's entity deciding alone, is why no emergency ever has two crews unless two were ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.dispatch.demand import Demand
from actors.domain.dispatcher_case import (
    MACHINE,
    Case,
    CasePhase,
    DispatchRules,
    Wish,
)
from actors.domain.dispatcher_events import (
    AllRefused,
    CrewDone,
    CrewLost,
    DeferralEnded,
    DispatcherEvent,
    EmergencyDeferred,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
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
from actors.domain.dispatcher_roster import descended
from actors.domain.kernel import Command, Event, Wake
from actors.domain.messages import (
    EmergencyCard,
    EmergencyChanged,
    OfferAnswered,
    RemoveEmergency,
    ReportShift,
    StationRef,
    StationsChanged,
    TaskEnded,
    UnitChanged,
    UnitDiverted,
    UnitStatus,
)
from actors.domain.task import case_key
from actors.domain.values import Id, Location, Note, Seconds

__all__ = [
    "MACHINE",
    "Case",
    "CasePhase",
    "DispatchRules",
    "Dispatcher",
    "DispatcherCommand",
    "DispatcherEvent",
    "ExplainCase",
    "ListDuplicates",
    "ListSuggestions",
    "OverrideAssignment",
    "PlanNow",
    "Post",
    "ViewDispatcher",
    "Wish",
    "apply",
    "apply_all",
    "wake_at",
]

# Ended emergencies are remembered a while, for messages about them that were overtaken by their
# end; bounded in number too. One that slips through is put right by the emergency itself, which
# answers an AssignUnit after its end with WithdrawTask and RemoveEmergency.
TOMBSTONE_S = 600.0
TOMBSTONES = 256
# The estimate of demand is about neighbourhoods; it is not to keep where anybody was.
_DEMAND_DIGITS = 3


class Post(Struct, frozen=True):
    """Where an idle unit was last sent to stand by, and when; no station once it did else.

    `until`: when it is expected there.
    """

    station: Id | None
    at: Seconds
    until: Seconds = 0.0


class Dispatcher(Struct, frozen=True, kw_only=True, gc=False):
    """The state. The dicts are never changed in place.

    `cases`: by case key. `reserved`: unit -> the task it was asked for and has not answered.
    `ended`: emergencies that are over -> when that was learnt. `merged`: cases of emergencies that
    were merged into others, set aside as they were: should the other not stand for them any more,
    they go on from there. `posts`: where idle units were sent.
    """

    id: str
    cases: dict[str, Case] = {}
    units: dict[str, UnitStatus] = {}
    reserved: dict[str, str] = {}
    ended: dict[str, float] = {}
    merged: dict[str, Case] = {}
    posts: dict[str, Post] = {}
    stations: tuple[StationRef, ...] = ()
    stations_revision: int = 0
    demand: Demand = Demand()

    def case(self, emergency: str, slot: int = 1) -> Case | None:
        """The case, of an emergency that was merged too."""
        key = case_key(emergency, slot)
        return self.cases.get(key) or self.merged.get(key)


# --- commands of people


class OverrideAssignment(Command, frozen=True, kw_only=True):
    """Send this unit to that emergency, whatever the policy says.

    `divert`: also when it is on its way to another one, which then waits again.
    """

    emergency: Id
    unit: Id
    reason: Note
    slot: int = 1
    divert: bool = False


class ViewDispatcher(Command, frozen=True):
    """Read the whole of it."""


class ListSuggestions(Command, frozen=True, kw_only=True):
    """Read who could go to each emergency that waits, with reasons; `limit` units for each."""

    limit: int = 5


class ListDuplicates(Command, frozen=True, kw_only=True):
    """Read which open emergencies are probably one: so near in place and time."""

    within_m: float = 150.0
    within_s: float = 900.0


class ExplainCase(Command, frozen=True, kw_only=True):
    """Read why a unit was chosen for this emergency, and for its further units."""

    emergency: Id


class PlanNow(Command, frozen=True, kw_only=True):
    """Ask the policy as things stand: for who takes in all messages of one moment first (rules).

    `limit`: where there are more proposals than that, so many of them are done and nothing else of
    the plan; the rest comes when it is asked again.
    """

    limit: int | None = None


DispatcherCommand = (
    EmergencyChanged
    | RemoveEmergency
    | UnitChanged
    | OfferAnswered
    | TaskEnded
    | UnitDiverted
    | StationsChanged
    | ReportShift
    | OverrideAssignment
    | ViewDispatcher
    | ListSuggestions
    | ListDuplicates
    | ExplainCase
    | PlanNow
    | Wake
)


# --- how events change it


def apply(state: Dispatcher, event: DispatcherEvent) -> Dispatcher:
    """The state after an event."""
    return _APPLIED[type(event)](state, event)


def apply_all(state: Dispatcher, events: Iterable[DispatcherEvent]) -> Dispatcher:
    """The state after these events; of many offers in a row, made at once."""
    offers: list[OfferMade] = []
    for event in events:
        if type(event) is OfferMade:
            offers.append(event)
            continue
        if offers:
            state, offers = _offer(state, *offers), []
        state = apply(state, event)
    return _offer(state, *offers) if offers else state


def wake_at(state: Dispatcher) -> float | None:
    """When a round is to be forgotten, ops called again, or the policy asked again."""
    first: float | None = None
    for case in state.cases.values():
        for due in (case.retry_at, case.deferred_until, _next_call(case)):
            if due is not None and (first is None or due < first):
                first = due
    return first


def _next_call(case: Case) -> float | None:
    """Nobody is called about what a human holds back."""
    return None if case.card.held else case.escalate_at


_OfCase = (
    CrewLost
    | CrewDone
    | NoUnitFree
    | AllRefused
    | RoundRestarted
    | EmergencyDeferred
    | DeferralEnded
    | OpsAlerted
    | OverrideOrdered
    | OverrideLapsed
)


def _case(state: Dispatcher, event: _OfCase) -> Case:
    case = state.case(event.emergency, event.slot)
    assert case is not None, "only what is known happens to a case"
    return case


def _stood_down(state: Dispatcher, event: UnitStoodDown) -> Dispatcher:
    gone = case_key(event.emergency, event.slot)
    return replace(state, cases=descended(state.cases, {}, (gone,)))


def _unit_updated(state: Dispatcher, event: UnitUpdated) -> Dispatcher:
    return _unit(state, event.unit)


def _unit_left(state: Dispatcher, event: UnitLeft) -> Dispatcher:
    units = descended(state.units, {}, (event.unit,))
    posts = {k: v for k, v in state.posts.items() if k != event.unit}
    return replace(state, units=units, posts=posts)


def _crew_lost(state: Dispatcher, event: CrewLost) -> Dispatcher:
    case = _case(state, event)
    # Reserved still, where the end of the task overtook the word that it was accepted.
    state = _unreserve(state, event.unit, event.task)
    refused = event.outcome == "handed_back" or case.recalled != event.task
    return _with(state, _waiting(case, refused_by=event.unit if refused else None))


def _crew_done(state: Dispatcher, event: CrewDone) -> Dispatcher:
    state = _unreserve(state, event.unit, event.task)
    return _with(state, replace(_case(state, event), phase="done", expires_at=None))


def _starved(state: Dispatcher, event: NoUnitFree) -> Dispatcher:
    return _with(state, _calling(_case(state, event), event.escalate_at, starved=True))


def _all_refused(state: Dispatcher, event: AllRefused) -> Dispatcher:
    case = _calling(_case(state, event), event.escalate_at, retry_at=event.retry_at)
    return _with(state, case)


def _round_restarted(state: Dispatcher, event: RoundRestarted) -> Dispatcher:
    return _with(state, replace(_case(state, event), retry_at=None, refused_by=()))


def _deferred(state: Dispatcher, event: EmergencyDeferred) -> Dispatcher:
    return _with(state, replace(_case(state, event), deferred_until=event.until))


def _deferral_ended(state: Dispatcher, event: DeferralEnded) -> Dispatcher:
    return _with(state, replace(_case(state, event), deferred_until=None))


def _alerted(state: Dispatcher, event: OpsAlerted) -> Dispatcher:
    case = replace(_case(state, event), level=event.level, escalate_at=event.next_at)
    return _with(state, case)


def _override_ordered(state: Dispatcher, event: OverrideOrdered) -> Dispatcher:
    return _with(state, replace(_case(state, event), wish=event.wish))


def _override_lapsed(state: Dispatcher, event: OverrideLapsed) -> Dispatcher:
    return _with(state, replace(_case(state, event), wish=None))


def _posted(state: Dispatcher, event: UnitPosted) -> Dispatcher:
    post = Post(event.station, event.at, event.arrives_at)
    return replace(state, posts={**state.posts, event.unit: post})


def _stations_updated(state: Dispatcher, event: StationsUpdated) -> Dispatcher:
    return replace(state, stations=event.stations, stations_revision=event.revision)


def _shift_reported(state: Dispatcher, _event: ShiftReported) -> Dispatcher:
    return state  # for the people who watch; nothing here depends on it


def _queue(state: Dispatcher, event: EmergencyQueued) -> Dispatcher:
    card, key = event.card, case_key(event.card.emergency, event.slot)
    aside = state.merged.get(key)
    if aside is not None:
        merged = {k: v for k, v in state.merged.items() if k != key}
        return _with(replace(state, merged=merged), replace(aside, card=card))
    # Offers are numbered on from what the emergency has heard of, should it have been here before.
    attempt = card.attempt if event.slot == 1 else 0
    case = Case(card=card, slot=event.slot, attempt=attempt, wish=event.wish, since=event.at)
    if event.slot == 1:
        state = replace(state, demand=state.demand.with_call(_about(card.location), event.at))
    return _with(state, case)


def _about(location: Location) -> Location:
    """Near there. A place of a scenario stays itself, for its travel times know no others."""
    if type(location) is not Location:
        return location
    return Location(round(location.lat, _DEMAND_DIGITS), round(location.lon, _DEMAND_DIGITS))


def _updated(state: Dispatcher, event: EmergencyUpdated) -> Dispatcher:
    card, at = event.card, event.at
    if not card.further and card.emergency in state.cases:
        return _with(state, _newer(state.cases[card.emergency], card, at))
    slots = (1, *(further.slot for further in card.further))
    keys = [case_key(card.emergency, slot) for slot in slots]
    return _with(state, *(_newer(state.cases[key], card, at) for key in keys if key in state.cases))


def _newer(case: Case, card: EmergencyCard, at: float) -> Case:
    if case.slot == 1 and card.status != case.card.status:
        return replace(case, card=card, since=at)
    newer = replace(case, card=card)
    return newer if newer.status == case.status else replace(newer, since=at)


def _remove(state: Dispatcher, event: EmergencyRemoved) -> Dispatcher:
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
    card = replace(card, symptoms=(), address=None)
    return replace(
        case,
        card=card,
        wish=None,
        retry_at=None,
        escalate_at=None,
        deferred_until=None,
        recalled=case.task,
    )


def _unit(state: Dispatcher, unit: UnitStatus) -> Dispatcher:
    units = descended(state.units, {unit.unit: unit})
    post = state.posts.get(unit.unit)
    if post is None or post.station is None or unit.free:
        return replace(state, units=units)
    return replace(state, units=units, posts={**state.posts, unit.unit: Post(None, post.at)})


def _offer(state: Dispatcher, *events: OfferMade) -> Dispatcher:
    reserved, cases = dict(state.reserved), dict[str, Case]()
    for event in events:
        reserved[event.unit] = event.task
        key = case_key(event.emergency, event.slot)
        cases[key] = replace(
            cases.get(key) or state.cases[key],
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
    return replace(state, reserved=reserved, cases=descended(state.cases, cases))


def _close_offer(state: Dispatcher, event: OfferClosed) -> Dispatcher:
    state = _unreserve(state, event.unit, event.task)
    if event.outcome != "accepted" and event.unit not in state.reserved:
        state = _still_asked(state, event.unit, event.task)
    case = state.case(event.emergency, event.slot)
    if case is None or case.task != event.task:
        return state
    if event.outcome == "accepted":
        case = _engaged(case, event.at)
    elif event.outcome == "unavailable":
        state = _found_firm(state, case)
        case = _waiting(case)  # nobody was asked, so nobody refused
    elif event.outcome == "withdrawn" and (
        case.wish is not None or case.card.held or case.recalled == event.task
    ):
        case = _waiting(case)  # the desk wanted it so
    else:
        case = _waiting(case, refused_by=event.unit)
        case = replace(case, tries=case.tries + 1)
    return _with(state, case)


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
    return _with(state, replace(kept, firm=True))


def _take_over(state: Dispatcher, event: UnitTakenOver) -> Dispatcher:
    left = state.case(event.from_emergency, event.from_slot)
    if left is not None and left.task == event.from_task:
        left = replace(_waiting(left), preempted=left.preempted + 1)
        # Asked for it still, where the answer about the new task has overtaken this word.
        state = _unreserve(_with(state, left), event.unit, event.from_task)
    case = state.case(event.emergency, event.slot)
    if event.accepted:
        state = _unreserve(state, event.unit, event.task)
        if case is not None and case.task == event.task and case.phase == "offered":
            state = _with(state, _engaged(case, event.at))
    elif case is not None and case.task == event.task:
        state = _with(state, replace(case, diverts=None))  # asked like any other now
    return state


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


def _calling(case: Case, escalate_at: float | None, **changes: object) -> Case:
    """Ops knows of it; who was called before is called when it was said."""
    if case.escalate_at is None:
        changes["escalate_at"] = escalate_at
    return replace(case, **changes)


def _with(state: Dispatcher, *cases: Case) -> Dispatcher:
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


def _unreserve(state: Dispatcher, unit: str, task: str) -> Dispatcher:
    if state.reserved.get(unit) != task:
        return state
    return replace(state, reserved={k: v for k, v in state.reserved.items() if k != unit})


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


# By type: a `match` over so many classes asks for each in turn, at every event.
_APPLIED: dict[type[Event], Callable[[Dispatcher, Any], Dispatcher]] = {
    EmergencyQueued: _queue,
    EmergencyUpdated: _updated,
    EmergencyRemoved: _remove,
    UnitStoodDown: _stood_down,
    UnitUpdated: _unit_updated,
    UnitLeft: _unit_left,
    OfferMade: _offer,
    OfferClosed: _close_offer,
    UnitTakenOver: _take_over,
    CrewLost: _crew_lost,
    CrewDone: _crew_done,
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
    ShiftReported: _shift_reported,
}
