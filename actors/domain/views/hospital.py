"""What is shown of a hospital."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.hospital.machine import HospitalStatus
from actors.domain.values import Location


class HospitalLoad(Struct, frozen=True, kw_only=True):
    """What its staff last said, and what the crews do: ambulances on their way, and at its door.

    `expected_wait_s`: how much longer than usual an ambulance that comes now is held.
    """

    free_beds: int | None
    queue: int
    handover_s: float | None
    note: str | None
    reported_at: str | None
    under_way: int
    at_handover: int
    expected_wait_s: float


class HospitalView(Struct, frozen=True, kw_only=True):
    """A hospital as it is now."""

    id: str
    status: HospitalStatus
    name: str
    region: str
    location: Location
    capabilities: tuple[str, ...]
    load: HospitalLoad
    revision: int
