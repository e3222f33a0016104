"""What can be asked of a dispatcher: by people, and (messages/to_dispatcher.py) by entities."""

from __future__ import annotations

from actors.domain.kernel import Command, Wake
from actors.domain.messages.to_dispatcher import (
    EmergencyChanged,
    OfferAnswered,
    RemoveEmergency,
    ReportShift,
    StationsChanged,
    TaskEnded,
    UnitChanged,
    UnitDiverted,
)
from actors.domain.values import Id, Note


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
