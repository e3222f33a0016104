"""What dispatchers know of emergencies, units and stations: all they need, in one piece."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.messages.status import EmergencyStatus, SlotStatus, UnitAvailability
from actors.domain.values import (
    Id,
    Location,
    Name,
    Note,
    Position,
    Priority,
    Region,
    Seconds,
    Skills,
    Vehicle,
    Vehicles,
)


class StationRef(Struct, frozen=True):
    """A station as dispatchers know it."""

    id: Id
    name: Name
    location: Location


class Slot(Struct, frozen=True):
    """A further unit that was ordered for an emergency: which one (2, 3, …), and how far it is.

    `wanted`: the unit that is to come, if a certain one was ordered.
    """

    slot: int
    status: SlotStatus = "ordered"
    wanted: Id | None = None


class EmergencyCard(Struct, frozen=True, kw_only=True, gc=False):
    """All a dispatcher needs of an emergency.

    `raised_at`: when help was asked for; its age counts from it.
    `vehicles`: the types that will do; empty: any. `held`: nobody is to be sent on a policy's
    word. `staging`: where units wait for the go-ahead. `further`: the units ordered besides the
    primary one, that were not stood down. `attempt`: the highest offer known to the emergency.
    `destination`: where the patient is brought, once that is known. `care`: what a hospital should
    have for them.
    """

    emergency: Id
    revision: int
    status: EmergencyStatus
    patient_id: Id | None
    priority: Priority
    location: Location
    address: Note | None
    needs: Skills
    symptoms: tuple[Note, ...]
    raised_at: Seconds
    unit: Id | None = None
    vehicles: Vehicles = ()
    held: bool = False
    staging: Location | None = None
    further: tuple[Slot, ...] = ()
    attempt: int = 0
    destination: Location | None = None
    care: Skills = ()


class UnitStatus(Struct, frozen=True, kw_only=True, gc=False):
    """All a dispatcher needs of a unit. `free`: on duty and without a live task.

    `station`: where it belongs during this shift, as far as is known.
    """

    unit: Id
    revision: int
    region: Region
    name: Name
    status: UnitAvailability
    free: bool
    skills: Skills
    vehicle: Vehicle
    position: Position | None
    station: Id | None = None
