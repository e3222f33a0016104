"""What is done with doctors: the profile is a row, the rest is their entity's.

The row and the message that tells the entity are one transaction; see web/paramedics/service.py.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from msgspec.structs import replace

from actors.domain.access import Facts
from actors.domain.availability import Availability
from actors.domain.doctor.commands import (
    RegisterDoctor,
    RetireDoctor,
    SetAvailability,
    UpdateDoctor,
    ViewAvailability,
    ViewDoctor,
)
from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.views.doctor import AvailabilityView, DoctorView
from actors.errors import Unavailable
from actors.ports import Clock, OutboxRow
from storage.records import NoSuchRecord, Records
from storage.records.idempotency import fingerprint
from storage.records.outbox import message
from storage.records.row import DoctorRow, Filter
from web.accounts.ending import SubjectAccounts
from web.audit.draft import audited
from web.auth import gate, permit
from web.checks import Checks
from web.doctors.schemas import (
    DoctorBody,
    DoctorCard,
    DoctorDuty,
    DoctorProfile,
    card,
    profile,
)
from web.entities import Entities
from web.paging import Page, page_of
from web.times import moment

# What a question for availability shows where it names no range: a fortnight, as a calendar does.
_DEFAULT_SPAN_S = 14 * 86_400.0


class DoctorService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self, records: Records, entities: Entities, clock: Clock, accounts: SubjectAccounts
    ) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._accounts = accounts

    async def register(self, caller: Sender, body: DoctorBody, command_id: str) -> DoctorProfile:
        gate(caller, "doctor.register")
        now = self._clock.now()
        row = self._row(derive_id(now, command_id, "doctor"), body, now)
        command = RegisterDoctor(
            name=body.name,
            specialties=body.specialties,
            registration_number=body.registration_number,
        )

        def tell(doctor_id: str) -> OutboxRow:
            return message(_ref(doctor_id), command, command_id, caller, now)

        print_ = fingerprint(command_id, msgspec.json.encode(body))
        created, told = await self._records.doctors.create(row, command_id, print_, tell)
        await self._entities.bring(told)
        if created != row.id:
            row = await self._records.doctors.get(created)
        return profile(row, await self._live(created))

    async def list(self, caller: Sender, wanted: Filter, limit: int) -> Page[DoctorCard]:
        gate(caller, "doctor.list")
        page = await self._records.doctors.list(wanted, limit)
        lives = await asyncio.gather(*(self._live(row.id) for row in page.rows))
        return page_of(page, map(card, page.rows, lives))

    async def get(self, caller: Sender, doctor_id: str) -> DoctorProfile:
        permit(caller, "doctor.view", "doctor", Facts(doctor_id=doctor_id))
        row = await self._records.doctors.get(doctor_id)
        shown = profile(row, await self._live(doctor_id))
        audited(patients=(one.patient_id for one in shown.requests))
        return shown

    async def replace(
        self, caller: Sender, doctor_id: str, body: DoctorBody, command_id: str
    ) -> DoctorProfile:
        permit(caller, "doctor.update", "doctor", Facts(doctor_id=doctor_id))
        now = self._clock.now()
        row = self._row(doctor_id, body, now)
        known = await self._records.doctors.get(doctor_id)
        await self._registered(doctor_id)
        command = UpdateDoctor(
            name=body.name,
            specialties=body.specialties,
            registration_number=body.registration_number,
        )
        told = message(_ref(doctor_id), command, command_id, caller, now)
        row = replace(row, created_at=known.created_at)
        await self._records.doctors.replace(row, told)
        await self._entities.bring(told)
        shown = profile(row, await self._live(doctor_id))
        audited(patients=(one.patient_id for one in shown.requests))
        return shown

    async def retire(self, caller: Sender, doctor_id: str, command_id: str) -> None:
        """Retiring who is retired already is a success: a repeat must be harmless."""
        permit(caller, "doctor.retire", "doctor", Facts(doctor_id=doctor_id))
        try:
            await self._records.doctors.get(doctor_id)
        except NoSuchRecord as error:
            if error.deleted:
                return
            raise
        live = await self._registered(doctor_id)
        if live.status != "retired":
            ref, command = _ref(doctor_id), RetireDoctor()
            await self._entities.ask(ref, command, DoctorView, by=caller, id_=command_id)
        await self._accounts.disable_subject("doctor", doctor_id, caller, "retired")
        await self._records.doctors.delete(doctor_id, moment(self._clock.now()))

    async def availability(
        self, caller: Sender, doctor_id: str, start: datetime | None, end: datetime | None
    ) -> AvailabilityView:
        """The open windows in [start, end); from now, and for a fortnight, where not given."""
        permit(caller, "doctor.view_availability", "doctor", Facts(doctor_id=doctor_id))
        from_s = self._clock.now() if start is None else start.timestamp()
        to_s = from_s + _DEFAULT_SPAN_S if end is None else end.timestamp()
        command = ViewAvailability(from_s=from_s, to_s=to_s)
        return await self._entities.read(_ref(doctor_id), command, AvailabilityView, by=caller)

    async def set_availability(
        self, caller: Sender, doctor_id: str, plan: Availability, command_id: str
    ) -> Availability:
        permit(caller, "doctor.update", "doctor", Facts(doctor_id=doctor_id))
        command = SetAvailability(availability=plan)
        view = await self._entities.ask(
            _ref(doctor_id), command, DoctorView, by=caller, id_=command_id
        )
        return view.availability

    async def duty(
        self, caller: Sender, doctor_id: str, action: DoctorDuty, command_id: str
    ) -> DoctorView:
        permit(caller, "doctor.shift", "doctor", Facts(doctor_id=doctor_id))
        shown = await self._entities.ask(
            _ref(doctor_id), action.command(), DoctorView, by=caller, id_=command_id
        )
        audited(patients=(one.patient_id for one in shown.requests))
        return shown

    async def _live(self, doctor_id: str) -> DoctorView | None:
        return await self._entities.view(_ref(doctor_id), ViewDoctor(), DoctorView)

    async def _registered(self, doctor_id: str) -> DoctorView:
        """The entity's view. A change must not overtake the registration: it would be refused."""
        live = await self._live(doctor_id)
        if live is None:
            raise Unavailable("the registration has not reached its entity yet")
        return live

    def _row(self, id_: str, body: DoctorBody, now: float) -> DoctorRow:
        checks = Checks()
        row = DoctorRow(
            id=id_,
            name=body.name,
            specialties=body.specialties,
            registration_number=body.registration_number,
            phone=body.phone and checks.phone(body.phone, "/phone"),
            email=body.email and checks.email(body.email, "/email"),
            region=body.region,
            created_at=moment(now),
            updated_at=moment(now),
        )
        checks.done()
        return row


def _ref(doctor_id: str) -> EntityRef:
    return EntityRef("doctor", doctor_id)
