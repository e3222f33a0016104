"""The state of a hospital, and how long it is expected to hold an ambulance."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from actors.domain.hospital.choice import Candidate, Intake
from actors.domain.hospital.machine import HospitalStatus
from actors.domain.messages.status import AmbulancePhase
from actors.domain.values import Id, Location, Note, Priority, Seconds, Skills

Count = Annotated[int, Meta(ge=0, le=10_000)]
# From arrival to being free again, where the hospital has not said: the standard of NHS England is
# 15 minutes for the handover.
HANDOVER_S: Final = 900.0
# A report of beds and queue is no news any more after this; then only ambulances are counted.
LOAD_FRESH_S: Final = 3600.0


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
