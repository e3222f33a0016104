"""What is published of an emergency, and whose private data it holds."""

from __future__ import annotations

from actors.domain.emergency.events import EmergencyEvent
from actors.domain.emergency.projection import emergency_view
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Publication
from actors.domain.timestamp import rfc3339
from actors.domain.views.emergency import EmergencyUpdate


def channel(emergency_id: str) -> str:
    """The channel of an emergency's facts."""
    return f"emergency:{emergency_id}"


def publications(
    _before: Emergency, event: EmergencyEvent, after: Emergency
) -> tuple[Publication, ...]:
    """One fact per event: what happened, and the emergency without health data."""
    update = EmergencyUpdate(type(event).__name__, rfc3339(event.at), emergency_view(after))
    return (Publication(channel(after.id), update),)


def concerns(_before: Emergency, _event: EmergencyEvent, after: Emergency) -> str | None:
    """The patient, whatever happens; nobody where a bystander called for an unknown person."""
    return after.patient_id
