"""What is done with emergencies. Their truth is in their entities."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from msgspec import Struct

from actors.domain.access import Facts, may
from actors.domain.emergency.commands import (
    CancelEmergency,
    OverridePriority,
    RaiseEmergency,
    ViewEmergency,
)
from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.messages.status import EmergencyStatus
from actors.domain.views.emergency import EmergencyDetail, EmergencyView
from actors.errors import CommandIdReused
from actors.ports import Clock
from storage.records import Records
from storage.records.idempotency import fingerprint
from storage.records.row import EmergencyEntry, Filter
from web.access.standing import Standing
from web.audit.draft import audited
from web.auth import gate, permit
from web.checks import Checks
from web.emergencies.schemas import CancelBody, PriorityBody, RaiseBody
from web.entities import Entities
from web.paging import Page, page_of
from web.problems import not_visible
from web.times import moment


class Made(Struct, frozen=True):
    """What an emergency is called from its first asking on, and when this call came in (Unix
    seconds)."""

    id: str
    at: float


def checked_phone(body: RaiseBody) -> str | None:
    """The number to call back, in its one form. Answers 422 where it is none."""
    checks = Checks()
    phone = body.contact_phone and checks.phone(body.contact_phone, "/contact_phone")
    checks.done()
    return phone


class EmergencyService:
    """Each method asks first whether the caller may; see web.auth for what that answers.

    `region`: of patients who have none and callers who name none.
    """

    def __init__(
        self, records: Records, entities: Entities, clock: Clock, standing: Standing, region: str
    ) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._standing = standing
        self._region = region

    async def raise_(
        self,
        caller: Sender,
        patient_id: str,
        body: RaiseBody,
        command_id: str,
        made: Made | None = None,
    ) -> EmergencyView:
        """Two steps that a repeat completes: the entry in the index, then the entity.

        `made`: where this was asked before, and could not be done (web/spool/).

        Dying in between leaves an entry without an emergency; see storage/records/emergencies.py.
        """
        gate(caller, "emergency.raise")
        facts = Facts(patient_id=patient_id)
        if not may(caller, "emergency.raise", facts):
            caller = await self._standing.of(caller, patient_id)
        permit(caller, "emergency.raise", "patient", facts)
        phone = checked_phone(body)
        patient = await self._records.patients.get(patient_id)
        if made is None:
            now = self._clock.now()
            made = Made(derive_id(now, command_id, "emergency"), now)
        entry = await self._records.emergencies.begin(
            EmergencyEntry(
                id=made.id,
                patient_id=patient_id,
                region=body.region or patient.region or self._region,
                raised_at=moment(made.at),
            ),
            command_id,
            fingerprint(command_id, msgspec.json.encode(body)),
        )
        command = RaiseEmergency(
            patient_id=patient_id,
            region=entry.region,
            location=body.location,
            symptoms=body.symptoms,
            answers=body.answers,
            address=body.address,
            needs=body.needs,
            vehicles=body.vehicles,
            contact_phone=phone or patient.phone,
            received_at=made.at,
        )
        ref = EntityRef("emergency", entry.id)
        with contextlib.suppress(CommandIdReused):
            # By the body: a straight attempt with an unknown outcome, and its replay out of the
            # spool, are one command; so is a repeat after the patient's record changed.
            return await self._entities.ask(
                ref, command, EmergencyView, by=caller, id_=command_id, said=body
            )
        # Raised by a version that knew a repeat by its command; what was raised then stands.
        return await self._entities.read(ref, ViewEmergency(), EmergencyView, by=caller)

    async def was_raised(self, emergency_id: str, patient_id: str) -> bool:
        """Whether there is this emergency, and of this patient."""
        ref = EntityRef("emergency", emergency_id)
        view = await self._entities.view(ref, ViewEmergency(), EmergencyDetail)
        return view is not None and view.patient_id == patient_id

    async def get(self, caller: Sender, emergency_id: str) -> EmergencyDetail:
        gate(caller, "emergency.view")
        ref = EntityRef("emergency", emergency_id)
        view = await self._entities.view(ref, ViewEmergency(), EmergencyDetail, by=caller)
        if view is None:
            # Not the patient's own, nor the crew's: somebody else's, whom the caller may act for.
            related = await self._standing.of(caller)
            if related.ties:
                view = await self._entities.view(ref, ViewEmergency(), EmergencyDetail, by=related)
        if view is None:
            raise not_visible("emergency")
        audited(patients=[view.patient_id])
        return view

    async def list(
        self, caller: Sender, wanted: Filter, status: EmergencyStatus | None, limit: int
    ) -> Page[EmergencyView]:
        """Of one page of the index those that were raised and are in `status`; so it may be short,
        or even empty, with more pages after it."""
        gate(caller, "emergency.list")
        page = await self._records.emergencies.list(wanted, limit)
        views = await asyncio.gather(
            *(
                self._entities.view(
                    EntityRef("emergency", row.id), ViewEmergency(), EmergencyView, by=caller
                )
                for row in page.rows
            )
        )
        shown = tuple(one for one in views if one is not None and status in (None, one.status))
        audited(patients=(one.patient_id for one in shown))
        return page_of(page, shown)

    async def cancel(
        self, caller: Sender, emergency_id: str, body: CancelBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.cancel")
        # Asked before: a refusal is the command's answer for ever.
        caller = await self._standing.of(caller)
        order = CancelEmergency(reason=body.reason)
        return await self._order(caller, emergency_id, order, command_id)

    async def override_priority(
        self, caller: Sender, emergency_id: str, body: PriorityBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.override_priority")
        order = OverridePriority(priority=body.priority, reason=body.reason)
        return await self._order(caller, emergency_id, order, command_id)

    async def _order(
        self,
        caller: Sender,
        emergency_id: str,
        order: CancelEmergency | OverridePriority,
        command_id: str,
    ) -> EmergencyView:
        """Looked at first: why it is ordered stands in the trail then, whatever comes of it."""
        ref = EntityRef("emergency", emergency_id)
        seen = await self._entities.read(ref, ViewEmergency(), EmergencyView, by=caller)
        audited(patients=[seen.patient_id], written=order.reason)
        return await self._entities.ask(ref, order, EmergencyView, by=caller, id_=command_id)
