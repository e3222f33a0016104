"""A hospital as crews and dispatch know it: what it can do, whether it takes patients in, its load.

States: open, divert (only whom nobody else can take), closed (nobody), retired. Staff report beds
and queue; which ambulances are under way to it, and which stand at its door, is derived from what
the crews do and cannot be reported.

Commands, and who may send them
- RegisterHospital, UpdateHospital, ReportLoad, RetireHospital: staff.
- RecordAmbulance: paramedics' entities. Never refused; what is stale is ignored.
- ViewHospital: crews, doctors, staff. Changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from actors.domain.hospital_choice import Candidate, Intake
from actors.domain.kernel import Command, Event, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import AmbulancePhase, RecordAmbulance
from actors.domain.values import Id, Location, Name, Note, Priority, Region, Seconds, Skills

HospitalStatus = Literal["new", "open", "divert", "closed", "retired"]
Count = Annotated[int, Meta(ge=0, le=10_000)]

# From arrival to being free again, where the hospital has not said: the standard of NHS England is
# 15 minutes for the handover.
HANDOVER_S: Final = 900.0
# A report of beds and queue is no news any more after this; then only ambulances are counted.
LOAD_FRESH_S: Final = 3600.0
# How long an ambulance that has left is remembered, for messages that its leaving has overtaken.
# Outbox messages arrive within seconds, a minute after a shard's death.
GONE_S: Final = 3600.0

_IN_USE: tuple[HospitalStatus, ...] = ("open", "divert", "closed")
MACHINE = Machine(
    "hospital",
    {
        (NEW, "RegisterHospital"): "open",
        **{
            (state, f"ReportLoad:{intake}"): intake
            for state in _IN_USE
            for intake in ("open", "divert", "closed")
        },
        **{(state, "UpdateHospital"): state for state in _IN_USE},
        **{(state, "RetireHospital"): "retired" for state in _IN_USE},
    },
)


class Load(Struct, frozen=True, kw_only=True):
    """What its staff last said. `handover_s`: from arrival to free again, if they know."""

    free_beds: Count | None = None
    queue: Count = 0
    handover_s: Seconds | None = None
    note: Note | None = None
    at: Seconds = 0.0


class Ambulance(Struct, frozen=True, kw_only=True):
    """One that brings a patient, or has just left (phase gone)."""

    unit: Id
    priority: Priority
    phase: AmbulancePhase
    since: Seconds


class Hospital(Struct, frozen=True, kw_only=True):
    """The state. `revision` counts its events. `profile_at`: which profile it has, see
    UpdateHospital. `ambulances`: by task; never changed in place.
    """

    id: str
    status: HospitalStatus = "new"
    revision: int = 0
    name: str = ""
    region: str = ""
    location: Location = Location(0.0, 0.0)
    capabilities: Skills = ()
    load: Load = Load()
    profile_at: Seconds = 0.0
    ambulances: dict[str, Ambulance] = {}

    def count(self, phase: AmbulancePhase) -> int:
        return sum(one.phase == phase for one in self.ambulances.values())

    @property
    def intake(self) -> Intake:
        match self.status:
            case "open" | "divert":
                return self.status
            case _:
                return "closed"

    def candidate(self, now: float) -> Candidate:
        """As it stands for choice."""
        return Candidate(
            self.id, self.location, self.capabilities, self.intake, self.expected_wait_s(now)
        )

    def expected_wait_s(self, now: float) -> float:
        """How much longer than usual an ambulance that comes now is held, seconds.

        Those before it, at the door and in the reported queue, are handed over one at a time for
        each bed that is free; with no bed free, one after the other. Those still under way count
        half: some arrive after the one that asks.
        """
        fresh = self.load.at > now - LOAD_FRESH_S
        queue = self.load.queue if fresh else 0
        beds = self.load.free_beds if fresh and self.load.free_beds is not None else None
        before = queue + self.count("at_handover") + self.count("under_way") / 2
        handover_s = self.load.handover_s if fresh and self.load.handover_s else HANDOVER_S
        places = 1 if beds is None else max(1, beds)
        full_s = handover_s if beds == 0 else 0.0
        return full_s + handover_s * before / places


# --- commands


class RegisterHospital(Command, frozen=True, kw_only=True):
    """A new one, open."""

    name: Name
    region: Region
    location: Location
    capabilities: Skills


class UpdateHospital(Command, frozen=True, kw_only=True):
    """All of the profile as it is from now. `profile_at`: when the record was changed to it, each
    time later than the last; what is not newer than what is known changes nothing. None: newer.
    """

    name: Name
    region: Region
    location: Location
    capabilities: Skills
    profile_at: Seconds | None = None


class ReportLoad(Command, frozen=True, kw_only=True):
    """How it stands, all of it; `intake` too."""

    intake: Intake
    free_beds: Count | None = None
    queue: Count = 0
    handover_s: Seconds | None = None
    note: Note | None = None


class RetireHospital(Command, frozen=True):
    """It never comes back. Ambulances on their way may still arrive."""


class ViewHospital(Command, frozen=True):
    """Read the whole of it."""


HospitalCommand = (
    RegisterHospital
    | UpdateHospital
    | ReportLoad
    | RetireHospital
    | RecordAmbulance
    | ViewHospital
    | Wake
)


# --- events


class HospitalRegistered(Event, frozen=True, kw_only=True):
    """Open from now."""

    at: Seconds
    name: Name
    region: Region
    location: Location
    capabilities: Skills


class HospitalUpdated(Event, frozen=True, kw_only=True):
    """All of it as it is now."""

    at: Seconds
    name: Name
    region: Region
    location: Location
    capabilities: Skills
    profile_at: Seconds | None = None


class LoadReported(Event, frozen=True, kw_only=True):
    """By its staff."""

    at: Seconds
    intake: Intake
    load: Load


class HospitalRetired(Event, frozen=True, kw_only=True):
    """For good."""

    at: Seconds


class AmbulanceRecorded(Event, frozen=True, kw_only=True):
    """An ambulance set out, arrived or left; `at` is the crew's moment."""

    at: Seconds
    task: Id
    ambulance: Ambulance


HospitalEvent = (
    HospitalRegistered | HospitalUpdated | LoadReported | HospitalRetired | AmbulanceRecorded
)


def apply(state: Hospital, event: HospitalEvent) -> Hospital:
    """The state after an event."""
    state = replace(state, revision=state.revision + 1)
    match event:
        case HospitalRegistered() | HospitalUpdated():
            profile_at = event.profile_at if isinstance(event, HospitalUpdated) else None
            return replace(
                state,
                status="open" if state.status == NEW else state.status,
                name=event.name,
                region=event.region,
                location=event.location,
                capabilities=event.capabilities,
                profile_at=state.profile_at if profile_at is None else profile_at,
            )
        case LoadReported():
            return replace(state, status=event.intake, load=event.load)
        case HospitalRetired():
            return replace(state, status="retired")
        case AmbulanceRecorded():
            kept = {
                task: one
                for task, one in state.ambulances.items()
                if one.phase != "gone" or one.since > event.at - GONE_S
            }
            return replace(state, ambulances={**kept, event.task: event.ambulance})
