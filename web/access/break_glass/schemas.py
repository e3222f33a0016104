"""What goes in and out of /api/break-glass and /api/patients/{id}/break-glass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from storage.relationships import BreakGlass, Verdict
from web.times import moment

# Twenty letters that are not all blank: "emergency" alone says nothing that a review could judge.
Reason = Annotated[str, Meta(min_length=20, max_length=2000, pattern=r"\S(\s*\S){19}")]
ReviewNote = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"\S")]


class BreakGlassBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why the record must be seen now, for the review and the patient to judge."""

    reason: Reason


class ReviewBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the review found. `unjustified` also ends the access, should it still last."""

    verdict: Verdict
    note: ReviewNote


class BreakGlassView(Struct, frozen=True, kw_only=True):
    """Who (`role`, `subject`) opened whose record, when until when, why; and the review."""

    id: str
    patient_id: str
    role: str
    subject: str
    reason: str | None
    opened_at: datetime
    ends_at: datetime
    verdict: Verdict | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    note: str | None


def view(file: BreakGlass) -> BreakGlassView:
    opened = file.relationship
    assert opened.begins_at is not None and opened.ends_at is not None
    return BreakGlassView(
        id=opened.id,
        patient_id=opened.patient_id,
        role=opened.role,
        subject=opened.holder,
        reason=file.reason,
        opened_at=moment(opened.begins_at),
        ends_at=moment(opened.ends_at),
        verdict=file.verdict,
        reviewed_at=None if file.reviewed_at is None else moment(file.reviewed_at),
        reviewed_by=None if file.reviewer is None else f"{file.reviewer_role}:{file.reviewer}",
        note=file.note,
    )
