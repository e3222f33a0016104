"""What can happen to a hospital, and how it changes it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from actors.domain.hospital.choice import Intake
from actors.domain.hospital.state import Ambulance, Hospital, Load
from actors.domain.kernel import Event
from actors.domain.machine import NEW
from actors.domain.values import Id, Location, Name, Region, Seconds, Skills

# How long an ambulance that has left is remembered, for messages that its leaving has overtaken.
# Outbox messages arrive within seconds, a minute after a shard's death.
GONE_S: Final = 3600.0


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
