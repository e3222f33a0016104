"""Who may ask what the trail says, and how it is told."""

from __future__ import annotations

import binascii
import contextlib
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import msgspec
from msgspec.structs import replace

from actors.domain.kernel import Sender
from actors.ports import Clock
from storage.audit.log import AuditLog, Line, Place, Wanted
from storage.encryption import Vault
from storage.records import NoSuchRecord, Records
from web.audit.draft import audited
from web.audit.note import opened_notes
from web.audit.schemas import AccessView, LineView, line_view
from web.audit.words import did, role, some
from web.auth import gate
from web.paging import Page
from web.patients.service import PatientService
from web.problems import bad_parameter
from web.times import moment

_place = msgspec.json.Decoder(Place)
_SEQ_BITS = 63


class AuditService:
    """Each method asks first whether the caller may. Raises AuditUnavailable."""

    def __init__(
        self,
        log: AuditLog,
        records: Records,
        vault: Vault,
        patients: PatientService,
        clock: Clock,
    ) -> None:
        self._log = log
        self._records = records
        self._vault = vault
        self._patients = patients
        self._clock = clock

    async def lines(
        self, caller: Sender, wanted: Wanted, cursor: str | None, limit: int
    ) -> Page[LineView]:
        """All of the trail, for auditors."""
        gate(caller, "audit.list")
        audited(patients=[wanted.patient])
        found, more = await self._log.lines(wanted, place_of(cursor), limit)
        notes = await opened_notes(self._vault, found)
        views = tuple(line_view(line, note) for line, note in zip(found, notes, strict=True))
        return Page(views, cursor_of(found[-1].place) if more else None)

    async def accesses(
        self,
        caller: Sender,
        patient_id: str,
        cursor: str | None,
        limit: int,
        *,
        own: bool,
        since: float | None = None,
    ) -> Page[AccessView]:
        """Who saw or changed this patient's record; with `own`, the patient's own visits too."""
        await self._patients.related(caller, "patient.access_log", patient_id)
        wanted = Wanted(
            patient=patient_id,
            outcome="allowed",
            since=since,
            steps=False,
            system=False,
            without=None if own else patient_id,
        )
        found, more = await self._log.lines(wanted, place_of(cursor), limit)
        names = await self._names({(line.role, line.subject) for line in found})
        views = tuple(_access(line, patient_id, names) for line in found)
        return Page(views, cursor_of(found[-1].place) if more else None)

    async def _names(self, people: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Of those staff whose records have a name."""
        names: dict[tuple[str, str], str] = {}
        for kind, subject in people:
            with contextlib.suppress(ValueError, NoSuchRecord):
                id_ = str(UUID(subject))
                if kind == "doctor":
                    names[kind, subject] = (await self._records.doctors.get(id_)).name
                elif kind == "paramedic":
                    names[kind, subject] = (await self._records.paramedics.get(id_)).name
        return names


def _access(line: Line, patient_id: str, names: dict[tuple[str, str], str]) -> AccessView:
    shown = AccessView(
        at=moment(line.place.at),
        who=names.get((line.role, line.subject), ""),
        role=role(line.role),
        relation="staff",
        did=did(line.action),
        text="",
        emergency=line.action == "patient.break_glass",
    )
    if line.role == "patient":
        own = line.subject == patient_id
        who = "you" if own else "somebody of your family"
        shown = replace(shown, who=who, relation="you" if own else "family")
        return replace(shown, text=f"{who[0].upper()}{who[1:]} {shown.did}")
    if shown.who:
        return replace(shown, text=f"{shown.who} ({shown.role}) {shown.did}")
    who = f"somebody of the {shown.role}" if line.role in _DESKS else some(shown.role)
    return replace(shown, who=who, text=f"{who[0].upper()}{who[1:]} {shown.did}")


_DESKS = frozenset({"ops", "admin"})


def cursor_of(place: Place) -> str:
    """Opaque; continues after this place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None) -> Place | None:
    """The place that a cursor stands for. Answers 400 where it is none of ours."""
    if cursor is None:
        return None
    try:
        place = _place.decode(urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise bad_parameter("cursor", "not a cursor of this listing") from None
    odd = not math.isfinite(place.at) or "\0" in place.writer or place.seq.bit_length() > _SEQ_BITS
    if odd or not place.writer.isprintable():
        raise bad_parameter("cursor", "not a cursor of this listing")
    return place
