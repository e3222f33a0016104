"""What can be asked of an emergency: by people, and (messages/to_emergency.py) by entities."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from actors.domain.emergency.orders import MOST_UNITS
from actors.domain.kernel import Command, Wake
from actors.domain.messages.to_emergency import (
    AssignUnit,
    FollowPrimary,
    LinkDuplicate,
    RecordProgress,
    ReleaseUnit,
    ReturnDuplicate,
)
from actors.domain.triage import TriageAnswers
from actors.domain.values import (
    Id,
    Location,
    Note,
    Phone,
    Priority,
    Region,
    Seconds,
    Skills,
    Vehicles,
)


class RaiseEmergency(Command, frozen=True, kw_only=True):
    """Somebody needs help. `needs`: skills wanted on top of what triage asks for. `vehicles`: the
    types that will do; empty: any. `received_at`: when a server of ours was asked, by its
    clock: long before, where it could not be raised then (web/spool/)."""

    patient_id: Id | None
    region: Region
    location: Location
    symptoms: tuple[Note, ...] = ()
    answers: TriageAnswers = TriageAnswers()
    address: Note | None = None
    needs: Skills = ()
    contact_phone: Phone | None = None
    vehicles: Vehicles = ()
    received_at: Seconds | None = None


class TakeOverEmergency(Command, frozen=True, kw_only=True):
    """Another service has triaged it, and hands it over (so does a scenario): what it says stands.

    `needs`: the skills a crew must have, all of them.
    """

    patient_id: Id | None
    region: Region
    location: Location
    priority: Priority
    needs: Skills = ()


class CancelEmergency(Command, frozen=True, kw_only=True):
    """No help is needed (any more)."""

    reason: Note


class OverridePriority(Command, frozen=True, kw_only=True):
    """Staff know better than triage. The crew that is assigned, if any, stays assigned."""

    priority: Priority
    reason: Note


class ViewEmergency(Command, frozen=True):
    """Read the whole of it."""


class ExplainChoices(Command, frozen=True):
    """Read why each unit was chosen."""


class HoldEmergency(Command, frozen=True, kw_only=True):
    """Send nobody automatically, until then at most (HOLD_S if it is not said); again: anew."""

    reason: Note
    until: Seconds | None = None


class ReleaseEmergency(Command, frozen=True, kw_only=True):
    """End the hold; or give the go-ahead to units that wait at the staging point."""

    ends: Literal["hold", "staging"]
    reason: Note


class StageEmergency(Command, frozen=True, kw_only=True):
    """Units wait at `location` for the go-ahead."""

    location: Location
    reason: Note


class OrderUnits(Command, frozen=True, kw_only=True):
    """So many further units; `units`: certain ones, the first of them."""

    count: Annotated[int, Meta(ge=1, le=MOST_UNITS - 1)]
    reason: Note
    units: Annotated[tuple[Id, ...], Meta(max_length=MOST_UNITS - 1)] = ()


class StandDownUnit(Command, frozen=True, kw_only=True):
    """That further unit is not needed (any more)."""

    slot: Annotated[int, Meta(ge=2)]
    reason: Note


class MergeEmergency(Command, frozen=True, kw_only=True):
    """It is the same as `into`, which goes on for both."""

    into: Id
    reason: Note


OrderCommand = (
    HoldEmergency | ReleaseEmergency | StageEmergency | OrderUnits | StandDownUnit | MergeEmergency
)
EmergencyCommand = (
    RaiseEmergency
    | TakeOverEmergency
    | CancelEmergency
    | OverridePriority
    | ViewEmergency
    | AssignUnit
    | RecordProgress
    | ReleaseUnit
    | OrderCommand
    | ExplainChoices
    | LinkDuplicate
    | ReturnDuplicate
    | FollowPrimary
    | Wake
)
