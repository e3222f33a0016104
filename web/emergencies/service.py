"""What is done with emergencies. Their truth is in their entities."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from actors.domain.access import Facts
from actors.domain.dispatcher import ViewDispatcher
from actors.domain.emergency import (
    CancelEmergency,
    OverridePriority,
    RaiseEmergency,
    ViewEmergency,
)
from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.messages import EmergencyStatus
from actors.domain.views import DispatcherView, EmergencyDetail, EmergencyView
from actors.errors import CommandIdReused
from actors.ports import Clock
from storage.records import Records
from storage.records.idempotency import fingerprint
from storage.records.row import EmergencyEntry, Filter
from web.auth import gate, permit
from web.checks import Checks
from web.emergencies.schemas import CancelBody, PriorityBody, RaiseBody
from web.entities import Entities
from web.paging import Page, cursor_of
from web.problems import not_visible
from web.times import moment


class EmergencyService:
    """Each method asks first whether the caller may; see web.auth for what that answers.

    `region`: of patients who have none and callers who name none.
    """

    def __init__(self, records: Records, entities: Entities, clock: Clock, region: str) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._region = region

    async def raise_(
        self, caller: Sender, patient_id: str, body: RaiseBody, command_id: str
    ) -> EmergencyView:
        """Two steps that a repeat completes: the entry in the index, then the entity.

        Dying in between leaves an entry without an emergency; see storage/records/emergencies.py.
        """
        permit(caller, "emergency.raise", "patient", Facts(patient_id=patient_id))
        checks = Checks()
        phone = body.contact_phone and checks.phone(body.contact_phone, "/contact_phone")
        checks.done()
        patient = await self._records.patients.get(patient_id)
        now = self._clock.now()
        entry = await self._records.emergencies.begin(
            EmergencyEntry(
                id=derive_id(now, command_id, "emergency"),
                patient_id=patient_id,
                region=body.region or patient.region or self._region,
                raised_at=moment(now),
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
            contact_phone=phone or patient.phone,
        )
        ref = EntityRef("emergency", entry.id)
        with contextlib.suppress(CommandIdReused):
            return await self._entities.ask(ref, command, EmergencyView, by=caller, id_=command_id)
        # A repeat (the body's fingerprint says so) after the patient's record changed: what was
        # raised then stands.
        return await self._entities.read(ref, ViewEmergency(), EmergencyView, by=caller)

    async def get(self, caller: Sender, emergency_id: str) -> EmergencyDetail:
        gate(caller, "emergency.view")
        ref = EntityRef("emergency", emergency_id)
        view = await self._entities.view(ref, ViewEmergency(), EmergencyDetail, by=caller)
        if view is None:
            raise not_visible("emergency")
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
        shown = (one for one in views if one is not None and status in (None, one.status))
        return Page(tuple(shown), cursor_of(page.rows[-1].id) if page.more else None)

    async def cancel(
        self, caller: Sender, emergency_id: str, body: CancelBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.cancel")
        return await self._entities.ask(
            EntityRef("emergency", emergency_id),
            CancelEmergency(reason=body.reason),
            EmergencyView,
            by=caller,
            id_=command_id,
        )

    async def override_priority(
        self, caller: Sender, emergency_id: str, body: PriorityBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.override_priority")
        return await self._entities.ask(
            EntityRef("emergency", emergency_id),
            OverridePriority(priority=body.priority, reason=body.reason),
            EmergencyView,
            by=caller,
            id_=command_id,
        )

    async def dispatch(self, caller: Sender, region: str) -> DispatcherView:
        """The region's dispatcher; of a region nobody has used yet, an empty one."""
        gate(caller, "dispatcher.view")
        return await self._entities.read(
            EntityRef("dispatcher", region), ViewDispatcher(), DispatcherView, by=caller
        )
