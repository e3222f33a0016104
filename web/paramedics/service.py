"""What is done with paramedics: the profile is a row, the rest is their entity's.

What both need to know is written as one: the row and the message to the entity in one transaction.
What the entity may refuse (a change of region on duty, retiring on duty) it is asked first; should
we die before the row follows, the caller had no answer, profiles already show what the entity
decided, and a repeat brings the row after it.
"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import msgspec
from msgspec.structs import replace

from actors.domain.access import Facts
from actors.domain.hospital.commands import ViewHospital
from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.paramedic.commands import (
    ListTasks,
    RegisterParamedic,
    RetireParamedic,
    UpdateParamedic,
    ViewParamedic,
)
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import ParamedicView, TaskList
from actors.errors import Unavailable
from actors.ports import Clock, OutboxRow
from storage.records import NoSuchRecord, Records, RecordsUnavailable
from storage.records.idempotency import fingerprint
from storage.records.outbox import message
from storage.records.row import Filter, ParamedicRow
from web.accounts.ending import SubjectAccounts
from web.audit.draft import audited
from web.auth import gate, permit
from web.checks import Checks
from web.entities import Entities
from web.hospitals.destination import destination_of
from web.paging import Page, page_of
from web.paramedics.named import named_in_body, task_in, unknown_hospital
from web.paramedics.relief import refused_relief
from web.paramedics.schemas import (
    Decline,
    DutyAction,
    HandBack,
    OffDuty,
    ParamedicBody,
    ParamedicProfile,
    Progress,
    Redirect,
    TaskAction,
    profile,
)
from web.times import moment


class ParamedicService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self, records: Records, entities: Entities, clock: Clock, accounts: SubjectAccounts
    ) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._accounts = accounts

    async def register(
        self, caller: Sender, body: ParamedicBody, command_id: str
    ) -> ParamedicProfile:
        gate(caller, "paramedic.register")
        now = self._clock.now()
        row = self._row(derive_id(now, command_id, "paramedic"), body, now)
        command = RegisterParamedic(
            name=body.name, region=body.region, skills=body.skills, vehicle=body.vehicle
        )

        def tell(paramedic_id: str) -> OutboxRow:
            return message(_ref(paramedic_id), command, command_id, caller, now)

        print_ = fingerprint(command_id, msgspec.json.encode(body))
        created, told = await self._records.paramedics.create(row, command_id, print_, tell)
        await self._entities.bring(told)
        if created != row.id:
            row = await self._records.paramedics.get(created)
        return profile(row, await self._live(created))

    async def list(self, caller: Sender, wanted: Filter, limit: int) -> Page[ParamedicProfile]:
        gate(caller, "paramedic.list")
        page = await self._records.paramedics.list(wanted, limit)
        lives = await asyncio.gather(*(self._live(row.id) for row in page.rows))
        return page_of(page, map(profile, page.rows, lives))

    async def get(self, caller: Sender, paramedic_id: str) -> ParamedicProfile:
        permit(caller, "paramedic.view", "paramedic", _facts(paramedic_id))
        row = await self._records.paramedics.get(paramedic_id)
        return profile(row, await self._live(paramedic_id))

    async def replace(
        self, caller: Sender, paramedic_id: str, body: ParamedicBody, command_id: str
    ) -> ParamedicProfile:
        permit(caller, "paramedic.update", "paramedic", _facts(paramedic_id))
        now = self._clock.now()
        row = self._row(paramedic_id, body, now)
        known = await self._records.paramedics.get(paramedic_id)
        live = await self._registered(paramedic_id)
        if body.region != live.region:
            await self._entities.ask(
                _ref(paramedic_id),
                UpdateParamedic(region=body.region),
                ParamedicView,
                by=caller,
                id_=f"{command_id}-region",
            )
        command = UpdateParamedic(name=body.name, skills=body.skills, vehicle=body.vehicle)
        told = message(_ref(paramedic_id), command, command_id, caller, now)
        row = replace(row, created_at=known.created_at)
        await self._records.paramedics.replace(row, told)
        await self._entities.bring(told)
        return profile(row, await self._live(paramedic_id))

    async def retire(self, caller: Sender, paramedic_id: str, command_id: str) -> None:
        """Retiring who is retired already is a success: a repeat must be harmless."""
        permit(caller, "paramedic.retire", "paramedic", _facts(paramedic_id))
        try:
            await self._records.paramedics.get(paramedic_id)
        except NoSuchRecord as error:
            if error.deleted:
                return
            raise
        live = await self._registered(paramedic_id)
        if live.status != "retired":
            ref, command = _ref(paramedic_id), RetireParamedic()
            await self._entities.ask(ref, command, ParamedicView, by=caller, id_=command_id)
        await self._accounts.disable_subject("paramedic", paramedic_id, caller, "retired")
        await self._records.paramedics.delete(paramedic_id, moment(self._clock.now()))

    async def tasks(self, caller: Sender, paramedic_id: str) -> TaskList:
        permit(caller, "task.list", "paramedic", _facts(paramedic_id))
        found = await self._entities.read(_ref(paramedic_id), ListTasks(), TaskList, by=caller)
        emergencies = {task.emergency for task in found.tasks}
        audited(patients=await self._records.emergencies.patients(emergencies))
        return found

    async def on_task(
        self, caller: Sender, paramedic_id: str, task: str, action: TaskAction, command_id: str
    ) -> ParamedicView:
        rule = _TASK_RULE[type(action).__name__]
        permit(caller, rule, "paramedic", _facts(paramedic_id))
        audited(action=rule)  # the door's own rule is that of one of them
        reason = action.reason if isinstance(action, Decline | Redirect | HandBack) else ""
        if reason or (isinstance(action, Progress) and action.step == "completed"):
            await self._leaving(paramedic_id, task, reason)
        with named_in_body():
            match action:
                case Redirect() | Progress(hospital=UUID()):
                    answer = await self._to_hospital(caller, paramedic_id, task, action, command_id)
                case _:
                    answer = await self._entities.ask(
                        _ref(paramedic_id),
                        action.command(task),
                        ParamedicView,
                        by=caller,
                        id_=command_id,
                    )
        await self._showed(answer)
        return answer

    async def _leaving(self, paramedic_id: str, task_id: str, reason: str) -> None:
        """For the trail: whose task it is that the answer does not show any more, and why. One that
        is not in the queue is nobody's, or its line is written."""
        task = task_in(await self._live(paramedic_id), task_id)
        if task is not None:
            with contextlib.suppress(RecordsUnavailable):
                patients = await self._records.emergencies.patients([task.emergency])
                audited(patients=patients, written=reason)

    async def _showed(self, unit: ParamedicView) -> None:
        """For the trail: whose tasks an answer shows. What was done is not undone for it."""
        with contextlib.suppress(RecordsUnavailable):
            emergencies = {task.emergency for task in unit.tasks}
            audited(patients=await self._records.emergencies.patients(emergencies))

    async def _to_hospital(
        self,
        caller: Sender,
        paramedic_id: str,
        task: str,
        action: Progress | Redirect,
        command_id: str,
    ) -> ParamedicView:
        """What is known of a hospital changes: a repeat is known by what the crew says."""
        unit, hospital = _ref(paramedic_id), EntityRef("hospital", str(action.hospital))
        to = destination_of(await self._entities.view(hospital, ViewHospital(), HospitalView))
        if to is None:
            return await self._entities.refuse(
                unit, action, unknown_hospital(), ParamedicView, by=caller, id_=command_id
            )
        command = action.command(task, to)
        return await self._entities.ask(
            unit, command, ParamedicView, by=caller, id_=command_id, said=action
        )

    async def duty(
        self, caller: Sender, paramedic_id: str, action: DutyAction, command_id: str
    ) -> ParamedicView:
        permit(caller, "paramedic.shift", "paramedic", _facts(paramedic_id))
        unit, command = _ref(paramedic_id), action.command()
        with named_in_body():
            if isinstance(action, OffDuty) and action.relief is not None:
                refusal = await refused_relief(self._live, paramedic_id, str(action.relief))
                if refusal is not None:
                    return await self._entities.refuse(
                        unit, command, refusal, ParamedicView, by=caller, id_=command_id
                    )
            return await self._entities.ask(unit, command, ParamedicView, by=caller, id_=command_id)

    async def _live(self, paramedic_id: str) -> ParamedicView | None:
        return await self._entities.view(_ref(paramedic_id), ViewParamedic(), ParamedicView)

    async def _registered(self, paramedic_id: str) -> ParamedicView:
        """The entity's view. A change must not overtake the registration: it would be refused."""
        live = await self._live(paramedic_id)
        if live is None:
            raise Unavailable("the registration has not reached its entity yet")
        return live

    def _row(self, id_: str, body: ParamedicBody, now: float) -> ParamedicRow:
        checks = Checks()
        row = ParamedicRow(
            id=id_,
            name=body.name,
            skills=body.skills,
            vehicle=body.vehicle,
            registration_number=body.registration_number,
            phone=body.phone and checks.phone(body.phone, "/phone"),
            region=body.region,
            created_at=moment(now),
            updated_at=moment(now),
        )
        checks.done()
        return row


_TASK_RULE = {
    "Accept": "task.answer",
    "Decline": "task.answer",
    "Progress": "task.progress",
    "Redirect": "task.progress",
    "HandBack": "task.hand_back",
}


def _ref(paramedic_id: str) -> EntityRef:
    return EntityRef("paramedic", paramedic_id)


def _facts(paramedic_id: str) -> Facts:
    return Facts(paramedic_id=paramedic_id)
