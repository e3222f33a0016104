"""What a policy is shown, and what it may propose. Times are Unix seconds, or a simulator's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from actors.domain.task import TaskStep
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

Part = Literal["busy", "stations", "demand"]


def rank_of(
    priority: int, preempted: int, raised_at: float, id_: str
) -> tuple[int, bool, float, str]:
    """Sort key: priority; whose unit was taken, first of its class; age; id, to be total."""
    return (priority, preempted == 0, raised_at, id_)


class Waiting(Struct, frozen=True, gc=False):
    """An emergency to find a unit for.

    `vehicles`: the types that will do; empty: any. `refused_by`: units that are not to be asked.
    `preempted`: how often a unit on its way was taken from it for a more urgent one.
    """

    emergency: str
    priority: int
    raised_at: float
    location: Location
    needs: tuple[str, ...]
    refused_by: tuple[str, ...] = ()
    vehicles: tuple[str, ...] = ()
    preempted: int = 0

    @property
    def rank(self) -> tuple[int, bool, float, str]:
        """See rank_of."""
        return rank_of(self.priority, self.preempted, self.raised_at, self.emergency)

    @property
    def age(self) -> tuple[float, str]:
        """Sort key: first come first, id so that the order is total."""
        return (self.raised_at, self.emergency)


class FreeUnit(Struct, frozen=True, gc=False):
    """A unit that can be asked, where it was last seen.

    `station`: the id of the station that it stands at or is on its way to, if any.
    """

    unit: str
    location: Location
    skills: tuple[str, ...]
    vehicle: str = ""
    station: str | None = None


class BusyUnit(Struct, frozen=True, gc=False):
    """A unit on a task, or asked for one (`step` pending).

    `emergency`, `priority`, `raised_at`, `target`, `preempted`: what it is busy with, how urgent,
    since when, where, and how often a unit was taken from that emergency before. `free_at`,
    `free_where`: when and where it is expected to be free again; an estimate, never a promise, and
    overdue once it has passed.
    """

    unit: str
    location: Location
    skills: tuple[str, ...]
    vehicle: str
    emergency: str
    priority: int
    target: Location
    step: TaskStep
    preempted: int
    free_at: float
    free_where: Location
    raised_at: float


class Station(Struct, frozen=True):
    """Where idle units stand."""

    id: str
    location: Location


class Hotspot(Struct, frozen=True):
    """Expected demand: `weight` is its share of all calls (any positive scale)."""

    location: Location
    weight: float


class Situation(Struct, frozen=True, kw_only=True, gc=False):
    """One region at one moment. Every unit on duty is in `free` or in `busy`, none in both."""

    now: float
    waiting: tuple[Waiting, ...]
    free: tuple[FreeUnit, ...]
    busy: tuple[BusyUnit, ...] = ()
    stations: tuple[Station, ...] = ()
    demand: Sequence[Hotspot] = ()


# Why most units are sent: nobody who suits and is willing is there sooner.
CLOSEST: Final = "closest"


class Proposal(Struct, frozen=True, gc=False):
    """Ask this free unit for that emergency.

    `eta_s`: travel time to it. `reason`: why this unit, in a few words for the dispatch desk.
    """

    emergency: str
    unit: str
    eta_s: float
    reason: str = CLOSEST


class Preemption(Struct, frozen=True):
    """Take a unit that is still on its way from one emergency, and ask it for another."""

    unit: str
    from_emergency: str
    emergency: str
    eta_s: float
    reason: str


class Hold(Struct, frozen=True):
    """Keep an emergency waiting on purpose: for a unit that will be free soon; or with one in view
    that somebody else may need more, until the next plan, which follows at once.

    At `until` the policy is to be asked again, if nothing else has led to it before.
    """

    emergency: str
    unit: str
    until: float
    reason: str


class Move(Struct, frozen=True):
    """Let an idle unit stand at another station. It stays free on its way."""

    unit: str
    station: str
    reason: str


class Plan(Struct, frozen=True, gc=False):
    """What a policy proposes: each unit and each emergency at most once over all of it.

    `refused`: emergencies for which there are free units that suit, all of which refused. `holds`:
    emergencies kept waiting although a free unit that suits is there; in nothing else of the plan.
    Done and asked for again with nothing new known, a plan takes back no unit that it has sent.
    """

    proposals: tuple[Proposal, ...] = ()
    refused: tuple[str, ...] = ()
    preemptions: tuple[Preemption, ...] = ()
    moves: tuple[Move, ...] = ()
    holds: tuple[Hold, ...] = ()


class Policy(Protocol):
    """Decides who is sent where.

    `wants`: which parts of a situation it reads besides who waits and who is free; the others may
    be left out. One that wants stations may propose moves, and is to be asked when the free units
    have changed also while nobody waits.
    """

    @property
    def name(self) -> str:
        """What it is chosen by, in settings and on command lines."""
        ...

    @property
    def wants(self) -> frozenset[Part]: ...

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """Pure: the same for the same arguments, whatever the order of their parts."""
        ...
