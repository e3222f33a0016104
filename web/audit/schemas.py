"""What goes out of /api/audit and of a patient's access log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from storage.audit import Outcome
from storage.audit.chain import Source
from storage.audit.log import Line
from web.times import moment


class LineView(Struct, frozen=True, kw_only=True):
    """A line of the trail. `source`: `access` is what somebody did at a door, `command` a step of
    an entity. `patients`: of whom. `reason`: a code; `note`: what was written, null where there is
    none or its key was destroyed. `chain`, `seq`, `hash`: its place, for verification.
    """

    at: datetime
    source: Source
    role: str
    subject: str
    action: str
    outcome: Outcome
    kind: str
    id: str
    patients: tuple[str, ...]
    reason: str
    note: str | None
    address: str
    request_id: str
    details: dict[str, str | int | bool]
    version: int | None
    chain: str
    seq: int
    hash: str


_details = msgspec.json.Decoder(dict[str, str | int | bool])


def line_view(line: Line, note: str | None) -> LineView:
    return LineView(
        at=moment(line.place.at),
        source=line.source,
        role=line.role,
        subject=line.subject,
        action=line.action,
        outcome=line.outcome,
        kind=line.kind,
        id=line.id,
        patients=line.patients,
        reason=line.reason,
        note=note,
        address=line.address,
        request_id=line.request_id,
        details=_details.decode(line.details) if line.details else {},
        version=line.version,
        chain=line.place.writer,
        seq=line.place.seq,
        hash=line.hash.hex(),
    )


class AccessView(Struct, frozen=True, kw_only=True):
    """Who saw or changed a patient's record, in words: "Dr Meera Iyer (doctor) viewed your record".

    `who` is a name where we have one, else the role in words; `relation`: the patient, somebody of
    the family, or staff. `emergency`: it was opened by breaking the glass.
    """

    at: datetime
    who: str
    role: str
    relation: Literal["you", "family", "staff"]
    did: str
    text: str
    emergency: bool
