"""/api/hospitals, and a crew's /api/paramedics/{id}/tasks/{task}/hospitals"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from actors.domain.values import Skill
from actors.domain.views.hospital import HospitalView
from storage.records.row import Filter
from web.audit.route import COMMAND
from web.auth import Authenticated
from web.hospitals.schemas import HospitalBody, HospitalProfile, LoadBody, Suggestions
from web.hospitals.service import HospitalService
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import RegionFilter, TaskPath

HospitalDoor = NamedDependency[HospitalService]
Needs = Annotated[
    list[Skill] | None,
    QueryParameter(
        name="needs",
        max_items=16,
        description="capabilities that the crew asks for, beside those of the caller's answers",
    ),
]


class HospitalController(Controller):
    path = "/hospitals"
    tags = ("hospitals",)

    @post("/", responses=PROBLEMS, summary="Register a hospital, open")
    async def register_hospital(
        self,
        request: Authenticated,
        data: JSONBody[HospitalBody],
        hospitals: HospitalDoor,
        command_id: CommandId,
    ) -> Response[HospitalProfile]:
        made = await hospitals.register(request.user, data, command_id)
        return Response(made, headers={"Location": f"/api/hospitals/{made.id}"})

    @get("/", responses=PROBLEMS, summary="List hospitals with their load, newest first")
    async def index_hospitals(
        self,
        request: Authenticated,
        hospitals: HospitalDoor,
        region: RegionFilter = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[HospitalProfile]:
        wanted = Filter(before=id_of(cursor), region=region)
        return await hospitals.list(request.user, wanted, limit)

    @get("/{hospital_id:uuid}", responses=PROBLEMS, summary="One hospital, as it is now")
    async def show_hospital(
        self,
        request: Authenticated,
        hospital_id: FromPath[UUID],
        hospitals: HospitalDoor,
    ) -> HospitalProfile:
        return await hospitals.get(request.user, str(hospital_id))

    @put("/{hospital_id:uuid}", responses=PROBLEMS, summary="Replace a hospital's profile")
    async def replace_hospital(
        self,
        request: Authenticated,
        hospital_id: FromPath[UUID],
        data: JSONBody[HospitalBody],
        hospitals: HospitalDoor,
        command_id: CommandId,
    ) -> HospitalProfile:
        return await hospitals.replace(request.user, str(hospital_id), data, command_id)

    @put(
        "/{hospital_id:uuid}/load",
        responses=PROBLEMS,
        summary="Report beds, queue and intake",
        opt=COMMAND,
    )
    async def report_load(
        self,
        request: Authenticated,
        hospital_id: FromPath[UUID],
        data: JSONBody[LoadBody],
        hospitals: HospitalDoor,
        command_id: CommandId,
    ) -> HospitalView:
        return await hospitals.report_load(request.user, str(hospital_id), data, command_id)

    @delete("/{hospital_id:uuid}", responses=PROBLEMS, summary="Retire a hospital")
    async def retire_hospital(
        self,
        request: Authenticated,
        hospital_id: FromPath[UUID],
        hospitals: HospitalDoor,
        command_id: CommandId,
    ) -> None:
        await hospitals.retire(request.user, str(hospital_id), command_id)


class HospitalChoiceController(Controller):
    path = "/paramedics/{paramedic_id:uuid}/tasks/{task_id:str}/hospitals"
    tags = ("hospitals",)

    @get("/", responses=PROBLEMS, summary="Where to bring the patient of a task, best first")
    async def suggest_hospitals(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        task_id: TaskPath,
        hospitals: HospitalDoor,
        needs: Needs = None,
    ) -> Suggestions:
        wanted = tuple(needs or ())
        return await hospitals.suggest(request.user, str(paramedic_id), task_id, wanted)
