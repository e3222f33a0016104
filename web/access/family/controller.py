"""/api/family, /api/patients/{id}/family"""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from web.access.family.schemas import ChildView, FamilyLink, FamilyLinks, InvitationBody
from web.access.family.service import FamilyService
from web.auth import Authenticated
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.patients.schemas import PatientBody

Families = NamedDependency[FamilyService]


class PatientFamilyController(Controller):
    path = "/patients/{patient_id:uuid}/family"
    tags = ("families",)

    @get("/", responses=PROBLEMS, summary="Who acts for a patient")
    async def index(
        self, request: Authenticated, patient_id: FromPath[UUID], families: Families
    ) -> FamilyLinks:
        return await families.of_patient(request.user, str(patient_id))

    @post("/", responses=PROBLEMS, summary="Invite somebody to act for a patient")
    async def invite(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        data: JSONBody[InvitationBody],
        families: Families,
        command_id: CommandId,
    ) -> FamilyLink:
        return await families.invite(request.user, str(patient_id), data, command_id)


class FamilyController(Controller):
    path = "/family"
    tags = ("families",)

    @get("/", responses=PROBLEMS, summary="For whom the caller acts, and is invited to")
    async def index(self, request: Authenticated, families: Families) -> FamilyLinks:
        return await families.own(request.user)

    @post("/children", responses=PROBLEMS, summary="A record for a child of the caller's")
    async def create_child(
        self,
        request: Authenticated,
        data: JSONBody[PatientBody],
        families: Families,
        command_id: CommandId,
    ) -> Response[ChildView]:
        made = await families.create_child(request.user, data, command_id)
        return Response(made, headers={"Location": f"/api/patients/{made.patient.id}"})

    @post(
        "/{link_id:uuid}/acceptance",
        status_code=200,
        responses=PROBLEMS,
        summary="Accept an invitation to act for a patient",
    )
    async def accept(
        self, request: Authenticated, link_id: FromPath[UUID], families: Families
    ) -> FamilyLink:
        return await families.accept(request.user, str(link_id))

    @delete("/{link_id:uuid}", responses=PROBLEMS, summary="End a link, or decline an invitation")
    async def end(
        self, request: Authenticated, link_id: FromPath[UUID], families: Families
    ) -> None:
        await families.end(request.user, str(link_id))
