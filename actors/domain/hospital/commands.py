"""What can be asked of a hospital: by people, and (messages/to_hospital.py) by paramedics."""

from __future__ import annotations

from actors.domain.hospital.choice import Intake
from actors.domain.hospital.state import Count
from actors.domain.kernel import Command, Wake
from actors.domain.messages.to_hospital import RecordAmbulance
from actors.domain.values import Location, Name, Note, Region, Seconds, Skills


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
