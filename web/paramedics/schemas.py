"""What goes in and out of /api/paramedics."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from actors.domain.kernel import Command
from actors.domain.messages.status import UnitAvailability
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ProgressTask,
    RedirectTask,
    TakeBreak,
)
from actors.domain.values import (
    Destination,
    Latitude,
    Longitude,
    Name,
    Note,
    Phone,
    Position,
    Region,
    Skills,
    Vehicle,
)
from actors.domain.views.paramedic import ParamedicView, PositionView
from storage.records.row import ParamedicRow


class ParamedicBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A paramedic as staff write it. PUT replaces all of it; the region only off duty."""

    name: Name
    region: Region
    skills: Skills
    vehicle: Vehicle
    registration_number: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    phone: Phone | None = None


class ParamedicProfile(Struct, frozen=True, kw_only=True):
    """The profile with the live state. `status` is `new` until the entity has been told."""

    id: str
    name: str
    region: str
    skills: tuple[str, ...]
    vehicle: str
    registration_number: str | None
    phone: str | None
    status: UnitAvailability
    since: str | None
    position: PositionView | None
    tasks: int
    created_at: datetime
    updated_at: datetime


# 9999-12-31T23:59:59Z
_AHEAD_OF_ALL: Final = 253_402_300_799.0


class PositionBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the device is. `at`: when the fix was taken, now if left out."""

    lat: Latitude
    lon: Longitude
    at: Annotated[datetime, Meta(tz=True)] | None = None
    accuracy_m: Annotated[float, Meta(ge=0)] | None = None

    def fix(self) -> Position:
        """The same for every repeat of a request, as its Idempotency-Key demands: no clock is read.

        The entity takes what is ahead of its own time for now, so a device's wrong clock does no
        harm, and neither does a time left out.
        """
        at = _AHEAD_OF_ALL if self.at is None else max(self.at.timestamp(), 0.0)
        return Position(self.lat, self.lon, at, self.accuracy_m)


class _Action(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="action"):
    pass


class Accept(_Action, frozen=True, tag="accept"):
    """The crew takes it on."""

    def command(self, task: str) -> Command:
        return AcceptTask(task=task)


class Decline(_Action, frozen=True, kw_only=True, tag="decline"):
    """The crew does not take it."""

    reason: Note

    def command(self, task: str) -> Command:
        return DeclineTask(task=task, reason=self.reason)


class Progress(_Action, frozen=True, kw_only=True, tag="progress"):
    """The crew is at the next step. `hospital`: where it sets out for, with transporting."""

    step: Literal["en_route", "on_scene", "transporting", "at_hospital", "completed"]
    position: PositionBody | None = None
    hospital: UUID | None = None

    def command(self, task: str, destination: Destination | None = None) -> Command:
        here = self.position.fix() if self.position else None
        return ProgressTask(task=task, step=self.step, position=here, destination=destination)


class Redirect(_Action, frozen=True, kw_only=True, tag="redirect"):
    """On its way to a hospital the crew turns to another one."""

    hospital: UUID
    reason: Note

    def command(self, task: str, destination: Destination) -> Command:
        return RedirectTask(task=task, destination=destination, reason=self.reason)


class HandBack(_Action, frozen=True, kw_only=True, tag="hand_back"):
    """The crew cannot go on; another must be found."""

    reason: Note

    def command(self, task: str) -> Command:
        return HandBackTask(task=task, reason=self.reason)


TaskAction = Accept | Decline | Progress | Redirect | HandBack


class OnDuty(_Action, frozen=True, kw_only=True, tag="on_duty"):
    """Start of a shift, at a place. `station`: the planned one, if left out."""

    position: PositionBody
    station: UUID | None = None

    def command(self) -> Command:
        station = None if self.station is None else str(self.station)
        return GoOnDuty(position=self.position.fix(), station=station)


class OffDuty(_Action, frozen=True, kw_only=True, tag="off_duty"):
    """End of a shift. Not with a live task: hand it back first.

    `relief`: the unit of the same region that takes over and is told `note`, what it must know of
    vehicle and stock.
    """

    relief: UUID | None = None
    note: Note | None = None

    def command(self) -> Command:
        return GoOffDuty(relief=None if self.relief is None else str(self.relief), note=self.note)


class Break(_Action, frozen=True, tag="break"):
    """No offers for a while."""

    def command(self) -> Command:
        return TakeBreak()


class Resume(_Action, frozen=True, tag="resume"):
    """Offers again."""

    def command(self) -> Command:
        return EndBreak()


DutyAction = OnDuty | OffDuty | Break | Resume


def profile(row: ParamedicRow, live: ParamedicView | None) -> ParamedicProfile:
    """What the entity decides on is shown as the entity has it, once it is there."""
    facts = row if live is None else live
    return ParamedicProfile(
        id=row.id,
        name=facts.name,
        region=facts.region,
        skills=facts.skills,
        vehicle=facts.vehicle,
        registration_number=row.registration_number,
        phone=row.phone,
        status="new" if live is None else live.status,
        since=None if live is None else live.since,
        position=None if live is None else live.position,
        tasks=0 if live is None else len(live.tasks),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
