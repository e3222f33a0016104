"""What the ops desk is shown of a dispatcher."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.dispatch.explain import Outcome, Verdict
from actors.domain.dispatcher.case import CasePhase
from actors.domain.messages.card import StationRef
from actors.domain.messages.status import EmergencyStatus, UnitAvailability
from actors.domain.values import Location
from actors.domain.views.paramedic import PositionView


class UnitView(Struct, frozen=True, kw_only=True):
    """A unit as its dispatcher knows it."""

    unit: str
    name: str
    status: UnitAvailability
    free: bool
    skills: tuple[str, ...]
    vehicle: str
    position: PositionView | None
    reserved_for: str | None
    station: str | None = None


class CaseView(Struct, frozen=True, kw_only=True):
    """An emergency as its dispatcher knows it, without health data."""

    emergency: str
    status: EmergencyStatus
    phase: CasePhase
    priority: int
    location: Location
    needs: tuple[str, ...]
    raised_at: str
    unit: str | None
    task: str | None
    attempt: int
    tries: int
    refused_by: tuple[str, ...]
    offer_expires_at: str | None
    slot: int = 1
    held: bool = False
    staged: bool = False
    preempted: int = 0
    level: int = 0
    wanted_unit: str | None = None


class CandidateView(Struct, frozen=True, kw_only=True):
    """A unit, set against an emergency. `eta_s`: its way, once it is free in `free_in_s`."""

    unit: str
    eta_s: float
    free_in_s: float
    verdict: Verdict
    why: str


class Suggestion(Struct, frozen=True, kw_only=True):
    """What the policy would do about an emergency that waits; `candidates`: soonest first."""

    emergency: str
    slot: int
    priority: int
    raised_at: str
    held: bool
    decision: Outcome
    chosen: str | None
    reason: str
    candidates: tuple[CandidateView, ...]


class SuggestionList(Struct, frozen=True):
    """Most urgent first."""

    region: str
    policy: str
    suggestions: tuple[Suggestion, ...]


class DuplicatePair(Struct, frozen=True, kw_only=True):
    """Two open emergencies that may be one. `emergency` was raised first."""

    emergency: str
    duplicate: str
    apart_m: float
    apart_s: float


class DuplicateList(Struct, frozen=True):
    region: str
    pairs: tuple[DuplicatePair, ...]


class DispatcherView(Struct, frozen=True, kw_only=True):
    """A region at a glance; `cases` in the order they are served."""

    region: str
    cases: tuple[CaseView, ...]
    units: tuple[UnitView, ...]
    stations: tuple[StationRef, ...] = ()


class OpsUpdate(Struct, frozen=True, kw_only=True):
    """On `ops:<region>`: one per event of the dispatcher. What the event is about, and totals.

    `why`: with OfferMade, why this unit. `left`: the case that a unit left for this one.
    `station`: where it is sent, or belongs.
    """

    event: str
    at: str
    emergency: str | None = None
    case: CaseView | None = None
    unit: UnitView | None = None
    outcome: str | None = None
    reason: str | None = None
    waiting: int
    engaged: int
    units_free: int
    why: str | None = None
    left: CaseView | None = None
    station: str | None = None
