"""Opening a record in an emergency, and reviewing that it was one.

For doctors and paramedics who stand in no relation to the patient: whoever does needs no such
thing, staff see records anyway, and nobody else treats. The patient is told at once, on the channel
and by mail; the mail is queued with the access, so there is not one without the other.
"""

from __future__ import annotations

import logging
from typing import Final, Literal
from uuid import UUID

import msgspec

from actors.domain.access import Facts
from actors.domain.ids import derive_id
from actors.domain.kernel import Sender
from actors.domain.relationship import Relationship
from actors.domain.timestamp import rfc3339
from actors.ports import Clock
from storage.records import Records
from storage.records.idempotency import fingerprint
from storage.relationships import BreakGlassFiles, Relationships
from web.access.break_glass.schemas import (
    BreakGlassBody,
    BreakGlassView,
    ReviewBody,
    view,
)
from web.access.live import LiveAccess
from web.access.notice import PatientNotice
from web.access.standing import Standing
from web.audit import audited
from web.auth import gate, permit
from web.mail.letter import RecordOpened
from web.mail.mailer import Mailer
from web.mail.message import AddressRefused
from web.paging import Page, cursor_of
from web.problems import ProblemError, not_visible

log = logging.getLogger(__name__)

# From the scene into the hospital. Whoever needs longer says why again.
OPEN_FOR_S: Final = 3600.0


class BreakGlassService:
    """Each method asks first whether the caller may; see web.auth for what that answers.

    `link`: the address that the mail names, where a patient sees who looked.
    """

    def __init__(
        self,
        files: BreakGlassFiles,
        relationships: Relationships,
        records: Records,
        standing: Standing,
        live: LiveAccess,
        mailer: Mailer,
        clock: Clock,
        link: str,
    ) -> None:
        self._files = files
        self._relationships = relationships
        self._records = records
        self._standing = standing
        self._live = live
        self._mailer = mailer
        self._clock = clock
        self._link = link

    async def open(
        self, caller: Sender, patient_id: str, body: BreakGlassBody, command_id: str
    ) -> BreakGlassView:
        """Let the caller see the record from now on, for OPEN_FOR_S."""
        gate(caller, "patient.break_glass")
        patient = await self._records.patients.get(patient_id)
        now = self._clock.now()
        opened = Relationship(
            id=derive_id(now, command_id, "break-glass"),
            kind="break_glass",
            role=caller.role,
            holder=caller.subject,
            patient_id=patient_id,
            begins_at=now,
            ends_at=now + OPEN_FOR_S,
        )

        async def tell() -> None:
            if patient.email is None:
                return
            letter = RecordOpened(at=now, role=caller.role, link=self._link)
            try:
                await self._mailer.queue(patient.email, letter, mail_id=UUID(opened.id))
            except AddressRefused:
                # Care does not wait for a better address; the channel and the audit tell it too.
                log.warning("patient %s has no address that mail can be sent to", patient_id)

        print_ = fingerprint(command_id, msgspec.json.encode([patient_id, body]))
        file = await self._files.open(opened, body.reason, tell, command_id, print_, now)
        audited(patients=[patient_id], details={"break_glass": file.relationship.id})
        await self._tell("record_opened", file.relationship)
        return view(file)

    async def close(self, caller: Sender, patient_id: str) -> None:
        """The caller needs it no more, before the time is up."""
        gate(caller, "patient.close_break_glass")
        held = await self._standing.held(caller)
        related = await self._standing.of(caller, patient_id)
        facts = Facts(patient_id=patient_id)
        permit(related, "patient.close_break_glass", "patient", facts)
        for one in held:
            if (one.kind, one.patient_id) == ("break_glass", patient_id):
                await self._end(one)

    async def list(
        self, caller: Sender, before: str | None, limit: int, reviewed: bool | None
    ) -> Page[BreakGlassView]:
        """Newest first."""
        gate(caller, "break_glass.list")
        page = await self._files.list(before, limit, reviewed)
        audited(patients=[file.relationship.patient_id for file in page.rows])
        more = cursor_of(page.rows[-1].relationship.id) if page.more else None
        return Page(tuple(map(view, page.rows)), more)

    async def review(self, caller: Sender, file_id: str, body: ReviewBody) -> BreakGlassView:
        """Each file is reviewed once; another opinion is refused."""
        gate(caller, "break_glass.review")
        file = await self._files.get(file_id)
        if file is None:
            raise not_visible("break-glass file")
        audited(patients=[file.relationship.patient_id], details={"verdict": body.verdict})
        done = await self._files.review(file, body.verdict, caller, body.note, self._clock.now())
        if not done:
            raise ProblemError(409, "reviewed-already", "this was reviewed already")
        if body.verdict == "unjustified":
            await self._end(file.relationship)
        reviewed = await self._files.get(file_id)
        assert reviewed is not None, "files are never deleted"
        return view(reviewed)

    async def _end(self, opened: Relationship) -> None:
        ended = await self._relationships.end(opened.id, self._clock.now())
        if ended is not None:
            await self._live.changed(ended.role, ended.holder)
            await self._tell("record_closed", ended)

    async def _tell(
        self, event: Literal["record_opened", "record_closed"], opened: Relationship
    ) -> None:
        at = rfc3339(self._clock.now())
        notice = PatientNotice(event=event, at=at, role=opened.role, id=opened.id)
        await self._live.notify(opened.patient_id, notice)
