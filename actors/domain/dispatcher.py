"""The dispatcher of a region: its words, and how events change it. Decisions: dispatcher_decide.py.

It holds the region's emergencies that are not over and its units, and alone offers the one to the
other. Of each emergency: waiting (no offer out), offered (one unit is asked), engaged (its crew
has accepted). A unit that was asked is reserved until its answer came, whatever happened to the
emergency meanwhile.

Commands, and who may send them
- EmergencyChanged, RemoveEmergency: emergencies. UnitChanged, OfferAnswered, TaskEnded:
  paramedics' entities. Never refused; what is stale is ignored.
- Wake: the runtime, when a round of refusals is to be forgotten.
- ViewDispatcher: staff. Changes nothing.

It never asks for an emergency again before the last unit's own entity has answered: that, and the
paramedic's entity deciding alone, is why no emergency ever has two crews.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Command, Event, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import (
    EmergencyCard,
    EmergencyChanged,
    EndReason,
    OfferAnswered,
    OfferOutcome,
    RemoveEmergency,
    TaskEnd,
    TaskEnded,
    UnitChanged,
    UnitStatus,
)
from actors.domain.values import Id, Note, Seconds

# Ended emergencies are remembered a while, for messages about them that were overtaken by their
# end; bounded in number too. One that slips through is put right by the emergency itself, which
# answers an AssignUnit after its end with WithdrawTask and RemoveEmergency.
TOMBSTONE_S = 600.0
TOMBSTONES = 256

CasePhase = Literal["waiting", "offered", "engaged"]

MACHINE = Machine(
    "case",
    {
        (NEW, "EmergencyChanged"): "waiting",
        ("waiting", "OfferTask"): "offered",
        ("offered", "OfferAnswered:accepted"): "engaged",
        **{
            ("offered", f"OfferAnswered:{outcome}"): "waiting"
            for outcome in ("declined", "expired", "withdrawn", "unavailable")
        },
        # From offered too: the end of a task can overtake the word that it was accepted.
        **{
            (phase, f"TaskEnded:{outcome}"): target
            for phase in ("offered", "engaged")
            for outcome, target in (
                ("handed_back", "waiting"),
                ("withdrawn", "waiting"),
                ("completed", "removed"),
                ("cancelled", "removed"),
            )
        },
        **{(phase, "RemoveEmergency"): "removed" for phase in ("waiting", "offered", "engaged")},
    },
)


class DispatchRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may tune.

    `offer_ttl_s`: how long a crew may think; a device that does not answer in half a minute is
    not looked at, and every second of it is the patient's. `max_tries`: after so many crews that
    did not take it (and each so many more) a human is alerted: three lost half minutes are more
    than an urgent call has. `retry_s`: when every unit that could go has refused, they are asked
    again after this; shorter would only nag the same crews.
    """

    offer_ttl_s: float = 30.0
    max_tries: int = 3
    retry_s: float = 20.0


class Case(Struct, frozen=True, kw_only=True):
    """One emergency at the dispatcher.

    `attempt` counts its offers, `tries` those that came to nothing since the last crew.
    `refused_by`: units that are not asked again this round; `retry_at` ends the round. `starved`:
    ops has been told that no unit is free for it.
    """

    card: EmergencyCard
    phase: CasePhase = "waiting"
    task: Id | None = None
    unit: Id | None = None
    attempt: int = 0
    tries: int = 0
    refused_by: tuple[Id, ...] = ()
    retry_at: Seconds | None = None
    starved: bool = False
    expires_at: Seconds | None = None

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key: priority, then age, then id so that the order is total."""
        return (self.card.priority, self.card.raised_at, self.card.emergency)


class Dispatcher(Struct, frozen=True, kw_only=True):
    """The state. The dicts are never changed in place.

    `reserved`: unit -> the task it was asked for and has not answered. `ended`: emergencies that
    are over -> when that was learnt.
    """

    id: str
    cases: dict[str, Case] = {}
    units: dict[str, UnitStatus] = {}
    reserved: dict[str, str] = {}
    ended: dict[str, float] = {}


class ViewDispatcher(Command, frozen=True):
    """Read the whole of it."""


DispatcherCommand = (
    EmergencyChanged
    | RemoveEmergency
    | UnitChanged
    | OfferAnswered
    | TaskEnded
    | ViewDispatcher
    | Wake
)


# --- events


class EmergencyQueued(Event, frozen=True, kw_only=True):
    """New here, waiting."""

    at: Seconds
    card: EmergencyCard


class EmergencyUpdated(Event, frozen=True, kw_only=True):
    """A newer card."""

    at: Seconds
    card: EmergencyCard


class EmergencyRemoved(Event, frozen=True, kw_only=True):
    """Over. Also of one never seen here: what comes late about it is ignored then."""

    at: Seconds
    emergency: Id
    reason: EndReason


class UnitUpdated(Event, frozen=True, kw_only=True):
    """A newer status of a unit."""

    at: Seconds
    unit: UnitStatus


class UnitLeft(Event, frozen=True, kw_only=True):
    """Retired, or of another region now."""

    at: Seconds
    unit: Id


class OfferMade(Event, frozen=True, kw_only=True):
    """A unit is asked, and reserved."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    attempt: int
    expires_at: Seconds
    eta_s: Seconds


class OfferClosed(Event, frozen=True, kw_only=True):
    """It answered, and is reserved no more. The emergency may be over by then."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    outcome: OfferOutcome
    reason: Note | None = None


class CrewLost(Event, frozen=True, kw_only=True):
    """The crew gave the task back or lost it: the emergency waits again, as old as it is."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    outcome: TaskEnd
    reason: Note | None = None


class NoUnitFree(Event, frozen=True, kw_only=True):
    """Once per waiting spell: nobody can be asked. For the ops desk."""

    at: Seconds
    emergency: Id
    reason: Literal["none_on_duty", "none_with_skills", "all_busy"]


class AllRefused(Event, frozen=True, kw_only=True):
    """Every unit that could go has refused; they are asked again at `retry_at`."""

    at: Seconds
    emergency: Id
    retry_at: Seconds


class RoundRestarted(Event, frozen=True, kw_only=True):
    """The refusals of the last round are forgotten."""

    at: Seconds
    emergency: Id


class OpsAlerted(Event, frozen=True, kw_only=True):
    """So many crews did not take it: a human must look."""

    at: Seconds
    emergency: Id
    tries: int


DispatcherEvent = (
    EmergencyQueued
    | EmergencyUpdated
    | EmergencyRemoved
    | UnitUpdated
    | UnitLeft
    | OfferMade
    | OfferClosed
    | CrewLost
    | NoUnitFree
    | AllRefused
    | RoundRestarted
    | OpsAlerted
)


def apply(state: Dispatcher, event: DispatcherEvent) -> Dispatcher:
    """The state after an event."""
    match event:
        case EmergencyQueued(card=card):
            return _with_case(state, Case(card=card))
        case EmergencyUpdated(card=card):
            return _with_case(state, replace(state.cases[card.emergency], card=card))
        case EmergencyRemoved():
            cases = {id_: case for id_, case in state.cases.items() if id_ != event.emergency}
            return replace(state, cases=cases, ended=_buried(state.ended, event))
        case UnitUpdated(unit=unit):
            return replace(state, units={**state.units, unit.unit: unit})
        case UnitLeft():
            return replace(state, units={k: v for k, v in state.units.items() if k != event.unit})
        case OfferMade():
            state = replace(state, reserved={**state.reserved, event.unit: event.task})
            case = replace(
                state.cases[event.emergency],
                phase="offered",
                task=event.task,
                unit=event.unit,
                attempt=event.attempt,
                expires_at=event.expires_at,
                retry_at=None,
                starved=False,
            )
            return _with_case(state, case)
        case OfferClosed():
            return _close_offer(state, event)
        case CrewLost():
            case = _waiting(state.cases[event.emergency], refused_by=event.unit)
            # Reserved still, where the end of the task overtook the word that it was accepted.
            return _with_case(_unreserve(state, event.unit, event.task), case)
        case NoUnitFree():
            return _with_case(state, replace(state.cases[event.emergency], starved=True))
        case AllRefused():
            case = replace(state.cases[event.emergency], retry_at=event.retry_at)
            return _with_case(state, case)
        case RoundRestarted():
            case = replace(state.cases[event.emergency], retry_at=None, refused_by=())
            return _with_case(state, case)
        case OpsAlerted():
            return state  # for the people who watch; nothing here depends on it


def wake_at(state: Dispatcher) -> float | None:
    """When the next round of refusals is to be forgotten."""
    return min(
        (case.retry_at for case in state.cases.values() if case.retry_at is not None), default=None
    )


def _close_offer(state: Dispatcher, event: OfferClosed) -> Dispatcher:
    state = _unreserve(state, event.unit, event.task)
    case = state.cases.get(event.emergency)
    if case is None or case.task != event.task:
        return state
    if event.outcome == "accepted":
        case = replace(case, phase="engaged", tries=0, refused_by=(), expires_at=None)
    elif event.outcome == "unavailable":
        case = _waiting(case)  # nobody was asked, so nobody refused
    else:
        case = _waiting(case, refused_by=event.unit)
        case = replace(case, tries=case.tries + 1)
    return _with_case(state, case)


def _waiting(case: Case, refused_by: str | None = None) -> Case:
    refusers = case.refused_by
    if refused_by is not None and refused_by not in refusers:
        refusers = (*refusers, refused_by)
    return replace(
        case, phase="waiting", task=None, unit=None, expires_at=None, refused_by=refusers
    )


def _with_case(state: Dispatcher, case: Case) -> Dispatcher:
    return replace(state, cases={**state.cases, case.card.emergency: case})


def _unreserve(state: Dispatcher, unit: str, task: str) -> Dispatcher:
    if state.reserved.get(unit) != task:
        return state
    return replace(state, reserved={k: v for k, v in state.reserved.items() if k != unit})


def _buried(ended: dict[str, float], event: EmergencyRemoved) -> dict[str, float]:
    fresh = [(id_, at) for id_, at in ended.items() if at > event.at - TOMBSTONE_S]
    return {**dict(fresh[-(TOMBSTONES - 1) :]), event.emergency: event.at}
