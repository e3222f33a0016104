"""What a patient is told on `patient:<id>`: that something happened around the record, never what
the record says."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from realtime.publication import Retention

# A phone that was off for a week learns of it; the audit and the mail know it for longer.
RETENTION: Final = Retention(size=100, ttl_s=7 * 86_400.0)


class PatientNotice(Struct, frozen=True, kw_only=True):
    """On `patient:<patient>`. `role`: of whoever did it. `id`: of the link or the opened file."""

    event: Literal[
        "record_opened",
        "record_closed",
        "family_invited",
        "family_accepted",
        "family_ended",
    ]
    at: str
    role: str
    id: str
