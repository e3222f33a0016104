"""Small values that every entity speaks of, with the limits that decoding holds them to.

The limits are msgspec constraints: whoever decodes one of these from JSON (a controller, a
socket, the shard) refuses what lies outside of them before a decision sees it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

# Used in channel names and entity references, so nothing that would need escaping there.
Region = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
# Reasons, addresses, symptoms: what a person types in a hurry, not a document.
Note = Annotated[str, Meta(min_length=1, max_length=2000)]
Phone = Annotated[str, Meta(min_length=3, max_length=40)]
# Free words, so that an operator can add "water_rescue"; the ones this code speaks of are
# below. Matching is in dispatch.provides.
Skill = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
Skills = Annotated[tuple[Skill, ...], Meta(max_length=32)]
Vehicle = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
Vehicles = Annotated[tuple[Vehicle, ...], Meta(max_length=16)]

# 1 immediate … 4 can wait: see triage.
Priority = Annotated[int, Meta(ge=1, le=4)]
Seconds = Annotated[float, Meta(ge=0)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]

BLS = "bls"
ALS = "als"

# How far a crew is with its task; the emergency follows it. See task.MACHINE.
Step = Literal["accepted", "en_route", "on_scene", "transporting", "at_hospital", "completed"]


class Location(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A point in WGS 84 degrees."""

    lat: Latitude
    lon: Longitude


class Destination(Struct, frozen=True, forbid_unknown_fields=True):
    """The hospital a patient is brought to, with what its travellers must know of it."""

    hospital: Id
    name: Name
    location: Location


class Position(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Where something was at a time. `accuracy_m`: radius the device vouches for, if it says."""

    lat: Latitude
    lon: Longitude
    at: Seconds
    accuracy_m: Annotated[float, Meta(ge=0)] | None = None

    @property
    def location(self) -> Location:
        return Location(self.lat, self.lon)
