"""What is done with hospitals: the profile is a row, the load is their entity's."""

from __future__ import annotations

import asyncio

import msgspec

from actors.domain.access import Facts
from actors.domain.emergency.commands import ViewEmergency
from actors.domain.hospital.choice import Candidate, care_needed, choose
from actors.domain.hospital.commands import (
    RegisterHospital,
    RetireHospital,
    UpdateHospital,
    ViewHospital,
)
from actors.domain.ids import derive_id
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.paramedic.commands import ViewParamedic
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location
from actors.domain.views.emergency import EmergencyDetail
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import ParamedicView, TaskView
from actors.errors import Unavailable
from actors.ports import Clock, OutboxRow
from storage.records import NoSuchRecord
from storage.records.idempotency import fingerprint
from storage.records.outbox import message
from storage.records.row import Filter
from storage.resources import HospitalRow, Hospitals
from web.audit.draft import audited
from web.auth import gate, permit
from web.entities import Entities
from web.hospitals.schemas import (
    HospitalBody,
    HospitalProfile,
    LoadBody,
    Suggestion,
    Suggestions,
    profile,
)
from web.paging import Page, page_of
from web.times import moment


class HospitalService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self, hospitals: Hospitals, entities: Entities, clock: Clock, travel: TravelEstimate
    ) -> None:
        self._hospitals = hospitals
        self._entities = entities
        self._clock = clock
        self._travel = travel

    async def register(
        self, caller: Sender, body: HospitalBody, command_id: str
    ) -> HospitalProfile:
        gate(caller, "hospital.register")
        now = self._clock.now()
        row = _row(derive_id(now, command_id, "hospital"), body, now)
        command = RegisterHospital(
            name=body.name,
            region=body.region,
            location=body.location,
            capabilities=row.capabilities,
        )

        def tell(hospital_id: str) -> OutboxRow:
            return message(_ref(hospital_id), command, command_id, caller, now)

        print_ = fingerprint(command_id, msgspec.json.encode(body))
        created, told = await self._hospitals.create(row, command_id, print_, tell)
        await self._entities.bring(told)
        if created != row.id:
            row = await self._hospitals.get(created)
        return profile(row, await self._live(created))

    async def list(self, caller: Sender, wanted: Filter, limit: int) -> Page[HospitalProfile]:
        gate(caller, "hospital.list")
        page = await self._hospitals.list(wanted, limit)
        lives = await asyncio.gather(*(self._live(row.id) for row in page.rows))
        return page_of(page, map(profile, page.rows, lives))

    async def get(self, caller: Sender, hospital_id: str) -> HospitalProfile:
        gate(caller, "hospital.view")
        row = await self._hospitals.get(hospital_id)
        return profile(row, await self._live(hospital_id))

    async def replace(
        self, caller: Sender, hospital_id: str, body: HospitalBody, command_id: str
    ) -> HospitalProfile:
        gate(caller, "hospital.update")
        now = self._clock.now()
        await self._registered(hospital_id)
        row = _row(hospital_id, body, now)

        def tell(changed: HospitalRow) -> OutboxRow:
            command = UpdateHospital(
                name=changed.name,
                region=changed.region,
                location=changed.location,
                capabilities=changed.capabilities,
                profile_at=changed.updated_at.timestamp(),
            )
            # A PUT that is repeated changes the row again: it is told under a name of its own.
            named = f"{command_id}:{changed.updated_at.isoformat()}"
            return message(_ref(hospital_id), command, named, caller, now)

        await self._entities.bring(await self._hospitals.replace(row, tell))
        return await self.get(caller, hospital_id)

    async def report_load(
        self, caller: Sender, hospital_id: str, body: LoadBody, command_id: str
    ) -> HospitalView:
        gate(caller, "hospital.report_load")
        await self._registered(hospital_id)
        return await self._entities.ask(
            _ref(hospital_id), body.command(), HospitalView, by=caller, id_=command_id
        )

    async def retire(self, caller: Sender, hospital_id: str, command_id: str) -> None:
        """Retiring what is retired already is a success: a repeat must be harmless."""
        gate(caller, "hospital.retire")
        try:
            live = await self._registered(hospital_id)
        except NoSuchRecord as error:
            if error.deleted:
                return
            raise
        if live.status != "retired":
            ref, command = _ref(hospital_id), RetireHospital()
            await self._entities.ask(ref, command, HospitalView, by=caller, id_=command_id)
        await self._hospitals.delete(hospital_id, moment(self._clock.now()))

    async def suggest(
        self, caller: Sender, paramedic_id: str, task_id: str, wanted: tuple[str, ...]
    ) -> Suggestions:
        """Where to bring the patient of a unit's task, best first.

        What the patient needs is what the caller's answers say and what the crew adds, `wanted`.
        """
        facts = Facts(paramedic_id=paramedic_id)
        permit(caller, "hospital.suggest", "paramedic", facts)
        ref = EntityRef("paramedic", paramedic_id)
        unit = await self._entities.read(ref, ViewParamedic(), ParamedicView, by=caller)
        task = next((task for task in unit.tasks if task.id == task_id), None)
        if task is None:
            raise DomainError("unknown_task", f"task {task_id} is not in the queue")
        needs = {*wanted, *await self._care(task)}
        found = tuple(sorted(needs))
        return Suggestions(found, await self._ranked(unit.region, _whence(unit, task), found))

    async def _care(self, task: TaskView) -> tuple[str, ...]:
        ref = EntityRef("emergency", task.emergency)
        detail = await self._entities.view(ref, ViewEmergency(), EmergencyDetail)
        if detail is None:
            return ()
        audited(patients=[detail.patient_id])
        return care_needed(detail.answers)

    async def _ranked(
        self, region: str, whence: Location, needs: tuple[str, ...]
    ) -> tuple[Suggestion, ...]:
        rows = await self._hospitals.of_region(region)
        lives = await asyncio.gather(*(self._live(row.id) for row in rows))
        known = {
            row.id: (row, live) for row, live in zip(rows, lives, strict=True) if live is not None
        }
        candidates = [
            Candidate(
                id_,
                row.location,
                row.capabilities,
                live.status if live.status in ("open", "divert") else "closed",
                live.load.expected_wait_s,
            )
            for id_, (row, live) in known.items()
        ]
        choices = choose(whence, needs, candidates, self._travel, self._clock.now())
        return tuple(
            Suggestion(
                hospital=choice.hospital,
                name=known[choice.hospital][0].name,
                location=known[choice.hospital][0].location,
                status=known[choice.hospital][1].status,
                suitable=choice.suitable,
                lacks=choice.lacks,
                travel_s=round(choice.travel_s, 1),
                wait_s=round(choice.wait_s, 1),
                reason=choice.reason,
            )
            for choice in choices
        )

    async def _live(self, hospital_id: str) -> HospitalView | None:
        return await self._entities.view(_ref(hospital_id), ViewHospital(), HospitalView)

    async def _registered(self, hospital_id: str) -> HospitalView:
        """The entity's view. A change must not overtake the registration: it would be refused."""
        await self._hospitals.get(hospital_id)
        live = await self._live(hospital_id)
        if live is None:
            raise Unavailable("the registration has not reached its entity yet")
        return live


def _row(id_: str, body: HospitalBody, now: float) -> HospitalRow:
    return HospitalRow(
        id=id_,
        name=body.name,
        region=body.region,
        location=body.location,
        capabilities=tuple(sorted(set(body.capabilities))),
        created_at=moment(now),
        updated_at=moment(now),
    )


def _whence(unit: ParamedicView, task: TaskView) -> Location:
    """From the scene, until the crew has left it."""
    if task.step == "transporting" and unit.position is not None:
        return Location(unit.position.lat, unit.position.lon)
    return task.location


def _ref(hospital_id: str) -> EntityRef:
    return EntityRef("hospital", hospital_id)
