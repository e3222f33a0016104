"""/api/paramedics"""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from actors.domain.views.paramedic import ParamedicView, TaskList
from storage.records.row import Filter
from web.auth import Authenticated
from web.command import command
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.paramedics.schemas import DutyAction, ParamedicBody, ParamedicProfile, TaskAction
from web.paramedics.service import ParamedicService
from web.parameters import NameFilter, RegionFilter, TaskPath

Paramedics = NamedDependency[ParamedicService]


class ParamedicController(Controller):
    path = "/paramedics"
    tags = ("paramedics",)

    @post("/", responses=PROBLEMS, summary="Register a paramedic, off duty")
    async def register(
        self,
        request: Authenticated,
        data: JSONBody[ParamedicBody],
        paramedics: Paramedics,
        command_id: CommandId,
    ) -> Response[ParamedicProfile]:
        profile = await paramedics.register(request.user, data, command_id)
        return Response(profile, headers={"Location": f"/api/paramedics/{profile.id}"})

    @get("/", responses=PROBLEMS, summary="List paramedics, newest first")
    async def index(
        self,
        request: Authenticated,
        paramedics: Paramedics,
        name: NameFilter = None,
        region: RegionFilter = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[ParamedicProfile]:
        wanted = Filter(before=id_of(cursor), name=name, region=region)
        return await paramedics.list(request.user, wanted, limit)

    @get("/{paramedic_id:uuid}", responses=PROBLEMS, summary="One paramedic, as it is now")
    async def show(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        paramedics: Paramedics,
    ) -> ParamedicProfile:
        return await paramedics.get(request.user, str(paramedic_id))

    @put("/{paramedic_id:uuid}", responses=PROBLEMS, summary="Replace a paramedic's profile")
    async def replace(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        data: JSONBody[ParamedicBody],
        paramedics: Paramedics,
        command_id: CommandId,
    ) -> ParamedicProfile:
        return await paramedics.replace(request.user, str(paramedic_id), data, command_id)

    @delete("/{paramedic_id:uuid}", responses=PROBLEMS, summary="Retire a paramedic, off duty")
    async def retire(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        paramedics: Paramedics,
        command_id: CommandId,
    ) -> None:
        await paramedics.retire(request.user, str(paramedic_id), command_id)

    @get("/{paramedic_id:uuid}/tasks", responses=PROBLEMS, summary="The queue, most urgent first")
    async def tasks(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        paramedics: Paramedics,
    ) -> TaskList:
        return await paramedics.tasks(request.user, str(paramedic_id))

    @command(
        "/{paramedic_id:uuid}/tasks/{task_id:str}",
        summary="Accept, decline, progress, redirect or hand back a task",
    )
    async def on_task(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        task_id: TaskPath,
        data: JSONBody[TaskAction],
        paramedics: Paramedics,
        command_id: CommandId,
    ) -> ParamedicView:
        id_ = str(paramedic_id)
        return await paramedics.on_task(request.user, id_, task_id, data, command_id)

    @command("/{paramedic_id:uuid}/duty", summary="On duty, off duty, on a break, back from it")
    async def duty(
        self,
        request: Authenticated,
        paramedic_id: FromPath[UUID],
        data: JSONBody[DutyAction],
        paramedics: Paramedics,
        command_id: CommandId,
    ) -> ParamedicView:
        return await paramedics.duty(request.user, str(paramedic_id), data, command_id)
