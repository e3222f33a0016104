"""What can be asked of a paramedic: by people, and (messages/to_paramedic.py) by entities."""

from __future__ import annotations

from typing import Literal

from actors.domain.kernel import Command, Wake
from actors.domain.messages.to_paramedic import (
    AnnounceShift,
    DivertUnit,
    MoveToStation,
    OfferTask,
    ReprioritizeTask,
    ShareTrack,
    StageTask,
    TakeOver,
    WithdrawTask,
)
from actors.domain.values import Destination, Id, Name, Note, Position, Region, Skills, Vehicle


class RegisterParamedic(Command, frozen=True, kw_only=True):
    """A new unit, off duty."""

    name: Name
    region: Region
    skills: Skills
    vehicle: Vehicle


class UpdateParamedic(Command, frozen=True, kw_only=True):
    """Change what is given, keep the rest. The region only while off duty."""

    name: Name | None = None
    region: Region | None = None
    skills: Skills | None = None
    vehicle: Vehicle | None = None


class RetireParamedic(Command, frozen=True):
    """It never comes back."""


class GoOnDuty(Command, frozen=True, kw_only=True):
    """Start of a shift, at a place. `station`: that of the shift, where it is not given."""

    position: Position
    station: Id | None = None


class GoOffDuty(Command, frozen=True, kw_only=True):
    """End of a shift. `relief`: the unit that takes over, and is told `note`."""

    relief: Id | None = None
    note: Note | None = None


class TakeBreak(Command, frozen=True):
    """No offers for a while."""


class EndBreak(Command, frozen=True):
    """Offers again."""


class AcceptTask(Command, frozen=True, kw_only=True):
    """The crew takes an offered task on. Its other open offers are declined by that."""

    task: Id


class DeclineTask(Command, frozen=True, kw_only=True):
    """The crew does not take an offered task."""

    task: Id
    reason: Note


class ProgressTask(Command, frozen=True, kw_only=True):
    """The crew is at the next step of its live task.

    `destination`: the hospital chosen, with the step transporting; of others it is not looked at.
    """

    task: Id
    step: Literal["en_route", "on_scene", "transporting", "at_hospital", "completed"]
    position: Position | None = None
    destination: Destination | None = None


class RedirectTask(Command, frozen=True, kw_only=True):
    """The crew turns to another hospital on its way to one: that is on divert, or he got worse."""

    task: Id
    destination: Destination
    reason: Note


class HandBackTask(Command, frozen=True, kw_only=True):
    """The crew cannot go on with its live task; another must be found."""

    task: Id
    reason: Note


class ViewParamedic(Command, frozen=True):
    """Read the whole of it."""


class ListTasks(Command, frozen=True):
    """Read the queue."""


# What people ask of a unit that is registered, and that changes it.
PersonCommand = (
    UpdateParamedic
    | RetireParamedic
    | GoOnDuty
    | GoOffDuty
    | TakeBreak
    | EndBreak
    | AcceptTask
    | DeclineTask
    | ProgressTask
    | RedirectTask
    | HandBackTask
    | WithdrawTask
)
# Messages of entities, never refused. Staff may withdraw a task too.
EntityMessage = (
    OfferTask
    | WithdrawTask
    | ReprioritizeTask
    | DivertUnit
    | StageTask
    | ShareTrack
    | MoveToStation
    | AnnounceShift
    | TakeOver
    | Wake
)
ParamedicCommand = RegisterParamedic | PersonCommand | ViewParamedic | ListTasks | EntityMessage
