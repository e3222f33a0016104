"""/api/doctors"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from actors.domain.availability import Availability
from actors.domain.views.doctor import AvailabilityView, DoctorView
from storage.records.row import Filter
from web.auth import Authenticated
from web.command import command
from web.doctors.schemas import DoctorBody, DoctorCard, DoctorDuty, DoctorProfile
from web.doctors.service import DoctorService
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import NameFilter, RegionFilter
from web.times import utc

SpecialtyFilter = Annotated[
    str | None, QueryParameter(name="specialty", pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")
]
From = Annotated[datetime | None, QueryParameter(name="from", description="else now")]
To = Annotated[datetime | None, QueryParameter(name="to", description="else a fortnight on")]

Doctors = NamedDependency[DoctorService]


class DoctorController(Controller):
    path = "/doctors"
    tags = ("doctors",)

    @post("/", responses=PROBLEMS, summary="Register a doctor, off duty")
    async def register(
        self,
        request: Authenticated,
        data: JSONBody[DoctorBody],
        doctors: Doctors,
        command_id: CommandId,
    ) -> Response[DoctorProfile]:
        profile = await doctors.register(request.user, data, command_id)
        return Response(profile, headers={"Location": f"/api/doctors/{profile.id}"})

    @get("/", responses=PROBLEMS, summary="List doctors, newest first, for everybody")
    async def index(
        self,
        request: Authenticated,
        doctors: Doctors,
        name: NameFilter = None,
        specialty: SpecialtyFilter = None,
        region: RegionFilter = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[DoctorCard]:
        wanted = Filter(before=id_of(cursor), name=name, specialty=specialty, region=region)
        return await doctors.list(request.user, wanted, limit)

    @get("/{doctor_id:uuid}", responses=PROBLEMS, summary="One doctor, as it is now")
    async def show(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        doctors: Doctors,
    ) -> DoctorProfile:
        return await doctors.get(request.user, str(doctor_id))

    @put("/{doctor_id:uuid}", responses=PROBLEMS, summary="Replace a doctor's profile")
    async def replace(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        data: JSONBody[DoctorBody],
        doctors: Doctors,
        command_id: CommandId,
    ) -> DoctorProfile:
        return await doctors.replace(request.user, str(doctor_id), data, command_id)

    @delete("/{doctor_id:uuid}", responses=PROBLEMS, summary="Retire a doctor, off duty")
    async def retire(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        doctors: Doctors,
        command_id: CommandId,
    ) -> None:
        await doctors.retire(request.user, str(doctor_id), command_id)

    @get("/{doctor_id:uuid}/availability", responses=PROBLEMS, summary="When a doctor is open")
    async def availability(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        doctors: Doctors,
        start: From = None,
        end: To = None,
    ) -> AvailabilityView:
        from_, to = utc(start, "from"), utc(end, "to")
        return await doctors.availability(request.user, str(doctor_id), from_, to)

    @put("/{doctor_id:uuid}/availability", responses=PROBLEMS, summary="Replace the whole plan")
    async def set_availability(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        data: JSONBody[Availability],
        doctors: Doctors,
        command_id: CommandId,
    ) -> Availability:
        return await doctors.set_availability(request.user, str(doctor_id), data, command_id)

    @command("/{doctor_id:uuid}/duty", summary="On duty, off duty, away, back")
    async def duty(
        self,
        request: Authenticated,
        doctor_id: FromPath[UUID],
        data: JSONBody[DoctorDuty],
        doctors: Doctors,
        command_id: CommandId,
    ) -> DoctorView:
        return await doctors.duty(request.user, str(doctor_id), data, command_id)
