"""What is done with family links.

Nobody learns by an invitation whether the invited exists. Both sides are told on their channels,
the invited by mail too, and either may end it at any time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, Literal
from uuid import UUID

from actors.domain.access import Facts
from actors.domain.ids import derive_id
from actors.domain.kernel import Sender
from actors.domain.relationship import FAMILY, Relationship
from actors.domain.timestamp import rfc3339
from actors.ports import Clock
from storage.records import Records
from storage.relationships import Relationships
from web.access.family.letter import FamilyInvited
from web.access.family.schemas import ChildView, FamilyLink, FamilyLinks, InvitationBody, view
from web.access.live import LiveAccess
from web.access.notice import PatientNotice
from web.access.standing import Standing
from web.audit.draft import audited
from web.auth import gate, permit
from web.mail.mailer import Mailer
from web.patients.schemas import PatientBody
from web.patients.service import PatientService
from web.problems import FieldError, ProblemError, invalid_body, not_visible

# As for a letter: time for a holiday, not for ever.
INVITATION_S: Final = 14 * 86_400.0
# Then the person decides who acts for them (Indian Majority Act, 1875).
MAJORITY_YEARS: Final = 18
# Of one person, in either direction; more is no family, and lists of them have no pages.
MAX_LINKS: Final = 20

_KIND: Final = "family link"
# Makes the record of a child on behalf of a patient's account, which may not make just any.
_SELF: Final = Sender("system", "family")


class FamilyService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self,
        relationships: Relationships,
        records: Records,
        patients: PatientService,
        standing: Standing,
        live: LiveAccess,
        mailer: Mailer,
        clock: Clock,
    ) -> None:
        self._relationships = relationships
        self._records = records
        self._patients = patients
        self._standing = standing
        self._live = live
        self._mailer = mailer
        self._clock = clock

    async def of_patient(self, caller: Sender, patient_id: str) -> FamilyLinks:
        """Who acts for the patient, and who was invited to."""
        await self._permitted(caller, "family.list", patient_id)
        now = self._clock.now()
        found = await self._relationships.family_of(patient_id, now)
        return FamilyLinks(tuple(view(link, now) for link in found))

    async def own(self, caller: Sender) -> FamilyLinks:
        """For whom the caller acts, and was invited to."""
        gate(caller, "family.list_own")
        now = self._clock.now()
        found = await self._relationships.managed_by(caller.subject, now)
        audited(patients=(link.patient_id for link in found))
        return FamilyLinks(tuple(view(link, now) for link in found))

    async def invite(
        self, caller: Sender, patient_id: str, body: InvitationBody, command_id: str
    ) -> FamilyLink:
        """Ask somebody to act for the patient; of two who are linked already, that link."""
        await self._permitted(caller, "family.invite", patient_id)
        manager = str(body.manager)
        if manager == patient_id:
            raise invalid_body([FieldError("the patient itself", pointer="/manager")])
        await self._records.patients.get(patient_id)
        now = self._clock.now()
        _bounded(await self._relationships.family_of(patient_id, now))
        new = Relationship(
            id=derive_id(now, command_id, _KIND),
            kind="family",
            role="patient",
            holder=manager,
            patient_id=patient_id,
            begins_at=None,
            ends_at=now + INVITATION_S,
        )

        async def write() -> None:
            await self._mailer.ask(
                FamilyInvited(link_id=new.id), mail_id=UUID(new.id), valid_s=INVITATION_S
            )

        link = await self._relationships.link(new, now, write)
        if link.id == new.id:
            await self._tell(caller, "family_invited", link, link.holder)
        return view(link, now)

    async def accept(self, caller: Sender, link_id: str) -> FamilyLink:
        """Begin to act for who invited. Accepting what was accepted is a success."""
        link = await self._visible(caller, "family.accept", link_id)
        now = self._clock.now()
        if not link.in_force(now):
            accepted = await self._relationships.accept(link_id, now)
            if accepted is None:
                raise ProblemError(409, "invitation-over", "this invitation has ended")
            link = accepted
            await self._tell(caller, "family_accepted", link, link.patient_id)
        return view(link, now)

    async def end(self, caller: Sender, link_id: str) -> None:
        """End a link, or an invitation. Ending what is over is a success."""
        link = await self._visible(caller, "family.end", link_id)
        ended = await self._relationships.end(link_id, self._clock.now())
        if ended is not None:
            await self._live.changed(link.role, link.holder)
            await self._tell(caller, "family_ended", link, link.patient_id, link.holder)

    async def create_child(self, caller: Sender, body: PatientBody, command_id: str) -> ChildView:
        """A record for a child, and a link to it until the child's majority.

        Two steps that a repeat with the same Idempotency-Key completes.
        """
        gate(caller, "family.create_child")
        now = self._clock.now()
        until = _majority(body.birth_date)
        if until is None or until <= now:
            detail = f"expected that of a child, under {MAJORITY_YEARS} years"
            raise invalid_body([FieldError(detail, pointer="/birth_date")])
        _bounded(await self._relationships.managed_by(caller.subject, now))
        patient = await self._patients.create(_SELF, body, command_id)
        new = Relationship(
            # Of the record and not of this request, so that a repeat names the same link.
            id=derive_id(patient.created_at.timestamp(), command_id, _KIND),
            kind="guardian",
            role="patient",
            holder=caller.subject,
            patient_id=patient.id,
            begins_at=now,
            ends_at=until,
        )
        return ChildView(patient=patient, link=view(await self._relationships.link(new, now), now))

    async def _permitted(self, caller: Sender, action: str, patient_id: str) -> None:
        gate(caller, action)
        caller = await self._standing.of(caller, patient_id)
        permit(caller, action, "patient", Facts(patient_id=patient_id))

    async def _visible(self, caller: Sender, action: str, link_id: str) -> Relationship:
        gate(caller, action)
        link = await self._relationships.get(link_id)
        if link is None or link.kind not in FAMILY:
            raise not_visible(_KIND)
        caller = await self._standing.of(caller, link.patient_id)
        permit(caller, action, _KIND, Facts(patient_id=link.patient_id, manager=link.holder))
        return link

    async def _tell(
        self,
        by: Sender,
        event: Literal["family_invited", "family_accepted", "family_ended"],
        link: Relationship,
        *patients: str,
    ) -> None:
        at = rfc3339(self._clock.now())
        for patient_id in patients:
            notice = PatientNotice(event=event, at=at, role=by.role, id=link.id)
            await self._live.notify(patient_id, notice)


def _bounded(links: tuple[Relationship, ...]) -> None:
    if len(links) >= MAX_LINKS:
        raise ProblemError(409, "too-many-links", f"{MAX_LINKS} links are the most there can be")


def _majority(born: date | None) -> float | None:
    """Unix seconds of the birthday, in UTC, at which a child is one no more."""
    if born is None:
        return None
    year = born.year + MAJORITY_YEARS
    # Born on a leap day, of age on the first of March.
    leapling = (born.month, born.day) == (2, 29)
    day = date(year, 3, 1) if leapling else born.replace(year=year)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
