"""What goes in and out of /api/hospitals."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from actors.domain.hospital.choice import Intake
from actors.domain.hospital.commands import ReportLoad
from actors.domain.hospital.machine import HospitalStatus
from actors.domain.hospital.state import Count
from actors.domain.values import Location, Name, Note, Region, Seconds, Skills
from actors.domain.views.hospital import HospitalLoad, HospitalView
from storage.resources import HospitalRow


class HospitalBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A hospital as staff write it. PUT replaces all of it.

    `capabilities`: free words; triage asks for trauma, stroke, cath_lab, paediatric and maternity.
    """

    name: Name
    region: Region
    location: Location
    capabilities: Skills = ()


class LoadBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the hospital stands; what is left out is not known any more.

    `intake`: on divert it takes in only whom nobody else can. `handover_s`: from an ambulance's
    arrival to its being free again. `queue`: who waits to be taken over, ambulances that our own
    crews report not counted.
    """

    intake: Intake
    free_beds: Count | None = None
    queue: Count = 0
    handover_s: Seconds | None = None
    note: Note | None = None

    def command(self) -> ReportLoad:
        return ReportLoad(
            intake=self.intake,
            free_beds=self.free_beds,
            queue=self.queue,
            handover_s=self.handover_s,
            note=self.note,
        )


class HospitalProfile(Struct, frozen=True, kw_only=True):
    """The profile with the live load. `status` is `new` until the entity has been told."""

    id: str
    name: str
    region: str
    location: Location
    capabilities: tuple[str, ...]
    status: HospitalStatus
    load: HospitalLoad | None
    created_at: datetime
    updated_at: datetime


class Suggestion(Struct, frozen=True, kw_only=True):
    """A hospital for a task. `lacks`: of what the patient needs. `wait_s`: expected at its door."""

    hospital: str
    name: str
    location: Location
    status: HospitalStatus
    suitable: bool
    lacks: tuple[str, ...]
    travel_s: float
    wait_s: float
    reason: str


class Suggestions(Struct, frozen=True):
    """Best first. `needs`: what was looked for."""

    needs: tuple[str, ...]
    hospitals: tuple[Suggestion, ...]


def profile(row: HospitalRow, live: HospitalView | None) -> HospitalProfile:
    return HospitalProfile(
        id=row.id,
        name=row.name,
        region=row.region,
        location=row.location,
        capabilities=row.capabilities,
        status="new" if live is None else live.status,
        load=None if live is None else live.load,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
