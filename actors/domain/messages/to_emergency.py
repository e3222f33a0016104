"""To an emergency: from paramedics about its crews, and from other emergencies."""

from __future__ import annotations

from typing import final

from actors.domain.choice import Choice
from actors.domain.kernel import Command
from actors.domain.messages.status import CareOutcome, EmergencyStatus
from actors.domain.values import Destination, Id, Note, Seconds, Step


class AssignUnit(Command, frozen=True, kw_only=True):
    """The unit's crew has accepted. `slot`: 1 is the primary unit; `choice`: why this one."""

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    slot: int = 1
    choice: Choice | None = None


class RecordProgress(Command, frozen=True, kw_only=True):
    """The crew is at `step`. Stands for AssignUnit too, should that be late.

    `outcome`: with the step completed, how it ended. `destination`: the hospital, from when the
    crew set out for it; another one with the same step: it has turned to that.
    """

    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    step: Step
    at: Seconds
    outcome: CareOutcome | None = None
    destination: Destination | None = None
    slot: int = 1


@final
class ReleaseUnit(Command, frozen=True, kw_only=True):
    """The unit's task was handed back or withdrawn: the emergency has no crew."""

    unit: Id
    task: Id
    attempt: int
    reason: Note
    slot: int = 1


class LinkDuplicate(Command, frozen=True, kw_only=True):
    """The sender is the same as this one, and has ended as merged into it.

    `revision`: the sender's, when it was merged; answered with where the link does not hold.
    """

    duplicate: Id
    patient_id: Id | None
    revision: int


class ReturnDuplicate(Command, frozen=True, kw_only=True):
    """The sender cannot stand for it (any more): it was over, or was cancelled."""

    primary: Id
    revision: int
    reason: Note


class FollowPrimary(Command, frozen=True, kw_only=True):
    """To a duplicate: how far the sender is, at its `revision`. For whoever called there."""

    primary: Id
    revision: int
    status: EmergencyStatus
    unit: Id | None
    eta_at: Seconds | None
