"""/api/break-glass, /api/patients/{id}/break-glass"""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from web.access.break_glass.schemas import BreakGlassBody, BreakGlassView, ReviewBody
from web.access.break_glass.service import BreakGlassService
from web.audit.draft import audited
from web.audit.note import sealed_note
from web.auth import Authenticated
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.services import Services

Files = NamedDependency[BreakGlassService]


class PatientBreakGlassController(Controller):
    path = "/patients/{patient_id:uuid}/break-glass"
    tags = ("break-glass",)

    @post("/", responses=PROBLEMS, summary="Open a record in an emergency, with a reason")
    async def open(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        data: JSONBody[BreakGlassBody],
        break_glass: Files,
        services: NamedDependency[Services],
        command_id: CommandId,
    ) -> BreakGlassView:
        opened = await break_glass.open(request.user, str(patient_id), data, command_id)
        audited(note=await sealed_note(services.vault, str(patient_id), data.reason))
        return opened

    @delete("/", responses=PROBLEMS, summary="Close it again, before the time is up")
    async def close(
        self, request: Authenticated, patient_id: FromPath[UUID], break_glass: Files
    ) -> None:
        await break_glass.close(request.user, str(patient_id))


class BreakGlassController(Controller):
    path = "/break-glass"
    tags = ("break-glass",)

    @get("/", responses=PROBLEMS, summary="Records that were opened in an emergency, for review")
    async def index(
        self,
        request: Authenticated,
        break_glass: Files,
        reviewed: FromQuery[bool | None] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[BreakGlassView]:
        return await break_glass.list(request.user, id_of(cursor), limit, reviewed)

    @post(
        "/{break_glass_id:uuid}/review",
        status_code=200,
        responses=PROBLEMS,
        summary="Say whether it was justified",
    )
    async def review(
        self,
        request: Authenticated,
        break_glass_id: FromPath[UUID],
        data: JSONBody[ReviewBody],
        break_glass: Files,
    ) -> BreakGlassView:
        return await break_glass.review(request.user, str(break_glass_id), data)
