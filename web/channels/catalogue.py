"""The channels there are: what each carries, how it is delivered, and who may subscribe.

The one list. The policy, the AsyncAPI document and the page in the docs are made from it; who may
subscribe is decided by `actors/domain/access.py`, `readers` only says it in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from actors.domain.views.dispatcher import OpsUpdate
from actors.domain.views.doctor import InboxUpdate
from actors.domain.views.emergency import EmergencyUpdate
from actors.domain.views.paramedic import DeviceUpdate, FleetRow, Track
from realtime.publication import Delivery
from web.access.notice import PatientNotice


class ChannelKind(Struct, frozen=True):
    """`subject`: what the part behind the colon names. `keyed_by`: a `latest` channel's keys."""

    name: str
    subject: str
    delivery: Delivery
    carries: type[Struct]
    readers: str
    says: str
    keyed_by: str | None = None

    @property
    def address(self) -> str:
        """As AsyncAPI writes it."""
        return f"{self.name}:{{{self.subject}}}"


_KINDS: Final = (
    ChannelKind(
        "emergency",
        "emergency",
        "fact",
        EmergencyUpdate,
        "its patient and the family, the assigned crew, ops and admin, who broke the glass",
        "The emergency after each of its events, without health data. A crew that is released "
        "loses it with the very event that releases it.",
    ),
    ChannelKind(
        "track",
        "emergency",
        "latest",
        Track,
        "as `emergency:`",
        "Where the assigned unit is, and its estimated time of arrival. Of an emergency that was "
        "merged into another: the units of that one, until they leave the scene.",
    ),
    ChannelKind(
        "patient",
        "patient",
        "fact",
        PatientNotice,
        "that patient and the family",
        "What happened around the record: who opened it in an emergency, whom the family gained or "
        "lost. Kept for a week, 100 of them.",
    ),
    ChannelKind(
        "device",
        "paramedic",
        "fact",
        DeviceUpdate,
        "that paramedic",
        "Tasks offered, changed and withdrawn.",
    ),
    ChannelKind(
        "inbox",
        "doctor",
        "fact",
        InboxUpdate,
        "that doctor",
        "Consultation requests and what became of them.",
    ),
    ChannelKind(
        "ops",
        "region",
        "fact",
        OpsUpdate,
        "ops and admin",
        "Every step of dispatch in a region, with its totals.",
    ),
    ChannelKind(
        "fleet",
        "region",
        "latest",
        FleetRow,
        "ops and admin",
        "Every unit of a region: where it is and what it does.",
        keyed_by="unit",
    ),
)
CHANNELS: Final[Mapping[str, ChannelKind]] = {kind.name: kind for kind in _KINDS}

PROMISES: Final[Mapping[str, str]] = {
    "fact": "every one, once, in order; or `recovered: false` says that some are lost",
    "latest": "the newest value soon; older ones may be skipped",
    "signal": "at most once",
}
