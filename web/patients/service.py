"""What is done with patients' records."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec.structs import replace

from actors.domain.access import Facts, may
from actors.domain.emergency.commands import ViewEmergency
from actors.domain.emergency.machine import ENDED
from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.views.emergency import EmergencyDetail
from actors.ports import Clock
from storage.records import NoSuchRecord, Records
from storage.records.idempotency import fingerprint
from storage.records.row import Contact, Filter, PatientRow
from web.access.standing import Standing
from web.audit.draft import audited
from web.auth import gate, permit
from web.checks import Checks
from web.entities import Entities
from web.paging import Page, page_of
from web.patients.erasure import Erasure
from web.patients.schemas import PatientBody, PatientView, view
from web.times import moment

# How many of a patient's newest emergencies a crew may be busy with: live ones are never many.
_RECENT = 5


class PatientService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self,
        records: Records,
        entities: Entities,
        clock: Clock,
        standing: Standing,
        erasure: Erasure,
    ) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._standing = standing
        self._erasure = erasure

    async def create(self, caller: Sender, body: PatientBody, command_id: str) -> PatientView:
        gate(caller, "patient.create")
        now = self._clock.now()
        row = self._row(derive_id(now, command_id, "patient"), body, now)
        print_ = fingerprint(command_id, msgspec.json.encode(body))
        created = await self._records.patients.create(row, command_id, print_)
        audited(kind="patient", id=created, patients=[created])
        return view(row if created == row.id else await self._records.patients.get(created))

    async def list(self, caller: Sender, wanted: Filter, limit: int) -> Page[PatientView]:
        gate(caller, "patient.list")
        page = await self._records.patients.list(wanted, limit)
        audited(patients=(row.id for row in page.rows))
        return page_of(page, map(view, page.rows))

    async def get(self, caller: Sender, patient_id: str) -> PatientView:
        return view(await self.visible(caller, "patient.view", patient_id))

    async def visible(self, caller: Sender, action: str, patient_id: str) -> PatientRow:
        """The patient, where the caller may do `action` to it. 410 only for those who may."""
        await self.related(caller, action, patient_id)
        return await self._records.patients.get(patient_id)

    async def related(self, caller: Sender, action: str, patient_id: str) -> Sender:
        """The caller, with the ties that let it do `action` to the patient where any are needed."""
        gate(caller, action)
        crew = await self._crew(caller, patient_id) if caller.role == "paramedic" else ()
        facts = Facts(patient_id=patient_id, crew=crew)
        if not may(caller, action, facts):
            caller = await self._standing.of(caller, patient_id)
        permit(caller, action, "patient", facts)
        return caller

    async def replace(self, caller: Sender, patient_id: str, body: PatientBody) -> PatientView:
        known = await self.visible(caller, "patient.update", patient_id)
        row = replace(self._row(patient_id, body, self._clock.now()), created_at=known.created_at)
        await self._records.patients.replace(row)
        return view(row)

    async def delete(self, caller: Sender, patient_id: str) -> None:
        """Deleting what is deleted already is a success: a repeat must be harmless."""
        gate(caller, "patient.delete")
        try:
            await self._erasure.delete(patient_id)
        except NoSuchRecord as error:
            if not error.deleted:
                raise

    async def history(
        self, caller: Sender, patient_id: str, before: str | None, limit: int
    ) -> Page[EmergencyDetail]:
        """The patient's emergencies, newest first, those that the caller may view."""
        caller = await self.related(caller, "patient.history", patient_id)
        await self._records.patients.get(patient_id)
        wanted = Filter(patient_id=patient_id, before=before)
        page = await self._records.emergencies.list(wanted, limit)
        views = await asyncio.gather(*(self._emergency(row.id, caller) for row in page.rows))
        return page_of(page, (one for one in views if one is not None))

    async def _emergency(self, id_: str, caller: Sender) -> EmergencyDetail | None:
        # None: never raised (storage/records/emergencies.py), or not this crew's.
        ref = EntityRef("emergency", id_)
        return await self._entities.view(ref, ViewEmergency(), EmergencyDetail, by=caller)

    async def _crew(self, caller: Sender, patient_id: str) -> tuple[str, ...]:
        """The caller, if it is on its way to this patient, or there, right now."""
        page = await self._records.emergencies.list(Filter(patient_id=patient_id), _RECENT)
        views = await asyncio.gather(*(self._emergency(row.id, caller) for row in page.rows))
        live = any(one is not None and one.status not in ENDED for one in views)
        return (caller.subject,) if live else ()

    def _row(self, id_: str, body: PatientBody, now: float) -> PatientRow:
        checks = Checks()
        row = PatientRow(
            id=id_,
            name=body.name,
            birth_date=body.birth_date
            and checks.birth_date(body.birth_date, moment(now).date(), "/birth_date"),
            sex=body.sex,
            phone=checks.phone(body.phone, "/phone"),
            email=body.email and checks.email(body.email, "/email"),
            address=body.address,
            upi_id=body.upi_id and checks.upi_id(body.upi_id, "/upi_id"),
            insurance=body.insurance,
            contacts=_contacts(body.contacts, checks),
            region=body.region,
            created_at=moment(now),
            updated_at=moment(now),
        )
        checks.done()
        return row


def _contacts(contacts: tuple[Contact, ...], checks: Checks) -> tuple[Contact, ...]:
    return tuple(
        replace(contact, phone=checks.phone(contact.phone, f"/contacts/{n}/phone"))
        for n, contact in enumerate(contacts)
    )
