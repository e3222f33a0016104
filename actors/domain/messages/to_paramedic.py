"""To a paramedic: from its dispatcher, its emergencies, its shifts and other paramedics."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.kernel import Command
from actors.domain.messages.card import StationRef
from actors.domain.task import Task
from actors.domain.values import Id, Location, Note, Priority, Region, Seconds


class OfferTask(Command, frozen=True, kw_only=True):
    """Ask the crew to take a task. Always answered by OfferAnswered, at its expiry at last."""

    task: Task


class Offer(Struct, frozen=True, kw_only=True, gc=False):
    """What is needed to answer an offer without having seen it."""

    emergency: Id
    region: Region
    attempt: int
    expires_at: Seconds
    slot: int = 1


class WithdrawTask(Command, frozen=True, kw_only=True):
    """Take an offered or live task away.

    `emergency_over`: nobody else is to be sent. `offer`: given where the offer may still be on
    its way, so that, overtaken by its own withdrawal, it is answered and known for void.
    `only_offer`: not where the crew has accepted meanwhile.
    """

    task: Id
    reason: Note
    emergency_over: bool = False
    offer: Offer | None = None
    only_offer: bool = False


class DivertUnit(Command, frozen=True, kw_only=True):
    """Take `from_task`, which the crew was asked for or is on its way to, and give it `task`.

    One step of the unit's entity: answered by UnitDiverted. Who is on its way goes at once, for
    this is an order; who was only asked is asked for the other. Who is on scene stays there: the
    new task is answered as an offer to a unit that is not free. `from_offer`: as in WithdrawTask.
    """

    from_task: Id
    task: Task
    reason: Note
    from_offer: Offer | None = None


class StageTask(Command, frozen=True, kw_only=True):
    """Where to wait for the go-ahead; None: it is given. As of the emergency's `revision`."""

    task: Id
    staging: Location | None
    revision: int


class ShareTrack(Command, frozen=True, kw_only=True):
    """The emergencies that were merged into the task's: who called there sees the unit come, too.

    All of them, as of the emergency's `revision`.
    """

    task: Id
    followers: tuple[Id, ...]
    revision: int


class MoveToStation(Command, frozen=True, kw_only=True):
    """Stand by at another station. The unit stays free; a task or a newer order supersedes it."""

    station: StationRef
    ordered_at: Seconds
    reason: Note


class ReprioritizeTask(Command, frozen=True, kw_only=True):
    """The emergency's priority changed at its `revision`."""

    task: Id
    priority: Priority
    revision: int


class AnnounceShift(Command, frozen=True, kw_only=True):
    """The unit's next shift, shortly before it begins; again when the plan changes after that.

    A lower `revision` of the same shift is older. `cancelled`: it is not to come.
    """

    shift: Id
    revision: int
    station: Id
    starts_at: Seconds
    ends_at: Seconds
    cancelled: bool = False


class TakeOver(Command, frozen=True, kw_only=True):
    """The crew before leaves this: what the next one must know of vehicle and stock."""

    unit: Id
    station: Id | None
    note: Note
