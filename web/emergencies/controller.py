"""/api/emergencies, /api/triage. What the dispatch desk orders: web/dispatch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from actors.domain.messages.status import EmergencyStatus
from actors.domain.views.emergency import EmergencyDetail, EmergencyView
from storage.records.row import Filter
from web.audit.route import unaudited
from web.auth import Authenticated
from web.command import command
from web.emergencies.questions import QUESTIONS
from web.emergencies.schemas import CancelBody, PriorityBody, Questions
from web.emergencies.service import EmergencyService
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import RegionFilter
from web.spool.intake import EmergencyIntake
from web.times import utc

Emergencies = NamedDependency[EmergencyService]
Intake = NamedDependency[EmergencyIntake]


class EmergencyController(Controller):
    path = "/emergencies"
    tags = ("emergencies",)

    @get("/", responses=PROBLEMS, summary="List emergencies, newest first")
    async def index(
        self,
        request: Authenticated,
        emergencies: Emergencies,
        region: RegionFilter = None,
        patient_id: FromQuery[UUID | None] = None,
        status: FromQuery[EmergencyStatus | None] = None,
        raised_from: FromQuery[datetime | None] = None,
        raised_to: FromQuery[datetime | None] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[EmergencyView]:
        wanted = Filter(
            before=id_of(cursor),
            region=region,
            patient_id=None if patient_id is None else str(patient_id),
            created_from=utc(raised_from, "raised_from"),
            created_to=utc(raised_to, "raised_to"),
        )
        return await emergencies.list(request.user, wanted, status, limit)

    @get("/{emergency_id:uuid}", responses=PROBLEMS, summary="One emergency, as it is now")
    async def show(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        intake: Intake,
    ) -> EmergencyDetail:
        return await intake.get(request.user, str(emergency_id))

    @command("/{emergency_id:uuid}/cancel", summary="No help is needed (any more)")
    async def cancel(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[CancelBody],
        emergencies: Emergencies,
        command_id: CommandId,
    ) -> EmergencyView:
        return await emergencies.cancel(request.user, str(emergency_id), data, command_id)

    @command("/{emergency_id:uuid}/priority", summary="Set the priority over triage's")
    async def override_priority(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[PriorityBody],
        emergencies: Emergencies,
        command_id: CommandId,
    ) -> EmergencyView:
        id_ = str(emergency_id)
        return await emergencies.override_priority(request.user, id_, data, command_id)


class TriageController(Controller):
    path = "/triage"
    tags = ("emergencies",)

    @get(
        "/questions",
        responses=PROBLEMS,
        summary="What to ask a caller, for anybody with a token",
        opt=unaudited("the same questions for everybody"),
        sync_to_thread=False,
    )
    def questions(self) -> Questions:
        return QUESTIONS
