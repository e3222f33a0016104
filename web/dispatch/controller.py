"""/api/dispatch/{region}, and the desk's orders under /api/emergencies/{id}"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from actors.domain.views.dispatcher import CaseView, DispatcherView, DuplicateList, SuggestionList
from actors.domain.views.emergency import ChoiceList, EmergencyView
from web.auth import Authenticated
from web.command import command
from web.dispatch.schemas import (
    AssignmentBody,
    HoldBody,
    MergeBody,
    ReleaseBody,
    StageBody,
    StandDownBody,
    UnitsBody,
)
from web.dispatch.service import DispatchService
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.parameters import RegionPath

Dispatch = NamedDependency[DispatchService]
Slot = Annotated[int, PathParameter(ge=2, le=200)]
Candidates = Annotated[
    int, QueryParameter(name="limit", ge=1, le=50, description="units shown for each emergency")
]
Metres = Annotated[
    float, QueryParameter(name="metres", ge=0, le=5000, description="so near to each other")
]
Minutes = Annotated[
    float, QueryParameter(name="minutes", ge=0, le=1440, description="raised so soon after it")
]


class DispatchController(Controller):
    path = "/dispatch/{region:str}"
    tags = ("dispatch",)

    @get("/", responses=PROBLEMS, summary="A region's dispatcher: cases and units")
    async def region(
        self, request: Authenticated, region: RegionPath, dispatch: Dispatch
    ) -> DispatcherView:
        return await dispatch.show(request.user, region)

    @get("/suggestions", responses=PROBLEMS, summary="Who could go to each waiting emergency, why")
    async def suggestions(
        self,
        request: Authenticated,
        region: RegionPath,
        dispatch: Dispatch,
        limit: Candidates = 5,
    ) -> SuggestionList:
        return await dispatch.suggestions(request.user, region, limit)

    @get("/duplicates", responses=PROBLEMS, summary="Open emergencies that are probably one")
    async def duplicates(
        self,
        request: Authenticated,
        region: RegionPath,
        dispatch: Dispatch,
        metres: Metres = 150.0,
        minutes: Minutes = 15.0,
    ) -> DuplicateList:
        return await dispatch.duplicates(request.user, region, metres, minutes * 60.0)

    @command("/assignments", summary="Send this unit to that emergency, whatever the policy says")
    async def assign(
        self,
        request: Authenticated,
        region: RegionPath,
        data: JSONBody[AssignmentBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> CaseView:
        return await dispatch.assign(request.user, region, data, command_id)


class DeskController(Controller):
    path = "/emergencies/{emergency_id:uuid}"
    tags = ("dispatch",)

    @command("/hold", summary="Send nobody automatically, until released or until then")
    async def hold(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[HoldBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        return await dispatch.hold(request.user, str(emergency_id), data, command_id)

    @command("/release", summary="End a hold, or give the go-ahead to staged units")
    async def release(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[ReleaseBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        return await dispatch.release(request.user, str(emergency_id), data, command_id)

    @command("/stage", summary="Units wait at a staging point for the go-ahead")
    async def stage(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[StageBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        return await dispatch.stage(request.user, str(emergency_id), data, command_id)

    @command("/units", summary="Order further units")
    async def order_units(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[UnitsBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        return await dispatch.order_units(request.user, str(emergency_id), data, command_id)

    @command("/units/{slot:int}/stand-down", summary="A further unit is not needed (any more)")
    async def stand_down(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        slot: Slot,
        data: JSONBody[StandDownBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        id_ = str(emergency_id)
        return await dispatch.stand_down(request.user, id_, slot, data, command_id)

    @command("/merge", summary="It is the same as another one, which goes on for both")
    async def merge(
        self,
        request: Authenticated,
        emergency_id: FromPath[UUID],
        data: JSONBody[MergeBody],
        dispatch: Dispatch,
        command_id: CommandId,
    ) -> EmergencyView:
        return await dispatch.merge(request.user, str(emergency_id), data, command_id)

    @get("/why", responses=PROBLEMS, summary="Why each unit was chosen")
    async def why(
        self, request: Authenticated, emergency_id: FromPath[UUID], dispatch: Dispatch
    ) -> ChoiceList:
        return await dispatch.why(request.user, str(emergency_id))
