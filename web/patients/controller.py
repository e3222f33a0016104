"""/api/patients"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from actors.domain.views.emergency import EmergencyDetail, EmergencyView
from storage.records.row import Filter
from web.audit.route import COMMAND
from web.auth import Authenticated
from web.checks import bare_phone
from web.emergencies.schemas import RaiseBody
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import NameFilter, RegionFilter
from web.patients.schemas import PatientBody, PatientView
from web.patients.service import PatientService
from web.problems import bad_parameter
from web.spool.intake import EmergencyIntake
from web.spool.responses import LOGGED, answered
from web.spool.schemas import EmergencyLogged
from web.times import utc

PhoneFilter = Annotated[str | None, QueryParameter(name="phone", max_length=40)]

Patients = NamedDependency[PatientService]
Intake = NamedDependency[EmergencyIntake]


class PatientController(Controller):
    path = "/patients"
    tags = ("patients",)

    @post("/", responses=PROBLEMS, summary="Register a patient")
    async def create(
        self,
        request: Authenticated,
        data: JSONBody[PatientBody],
        patients: Patients,
        command_id: CommandId,
    ) -> Response[PatientView]:
        view = await patients.create(request.user, data, command_id)
        return Response(view, headers={"Location": f"/api/patients/{view.id}"})

    @get("/", responses=PROBLEMS, summary="List patients, newest first")
    async def index(
        self,
        request: Authenticated,
        patients: Patients,
        name: NameFilter = None,
        phone: PhoneFilter = None,
        region: RegionFilter = None,
        created_from: FromQuery[datetime | None] = None,
        created_to: FromQuery[datetime | None] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[PatientView]:
        number = phone and bare_phone(phone)
        if phone and number is None:
            raise bad_parameter("phone", "expected a phone number such as +919876543210")
        wanted = Filter(
            before=id_of(cursor),
            name=name,
            phone=number,
            region=region,
            created_from=utc(created_from, "created_from"),
            created_to=utc(created_to, "created_to"),
        )
        return await patients.list(request.user, wanted, limit)

    @get("/{patient_id:uuid}", responses=PROBLEMS, summary="One patient")
    async def show(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        patients: Patients,
    ) -> PatientView:
        return await patients.get(request.user, str(patient_id))

    @put("/{patient_id:uuid}", responses=PROBLEMS, summary="Replace a patient's record")
    async def replace(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        data: JSONBody[PatientBody],
        patients: Patients,
    ) -> PatientView:
        return await patients.replace(request.user, str(patient_id), data)

    @delete("/{patient_id:uuid}", responses=PROBLEMS, summary="Delete a patient's record")
    async def remove(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        patients: Patients,
    ) -> None:
        await patients.delete(request.user, str(patient_id))

    @get("/{patient_id:uuid}/history", responses=PROBLEMS, summary="A patient's emergencies")
    async def history(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        patients: Patients,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[EmergencyDetail]:
        return await patients.history(request.user, str(patient_id), id_of(cursor), limit)

    @post(
        "/{patient_id:uuid}/emergency",
        responses=LOGGED,
        summary="Ask for help, now",
        opt=COMMAND,
    )
    async def emergency(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        data: JSONBody[RaiseBody],
        intake: Intake,
        command_id: CommandId,
    ) -> Response[EmergencyView] | Response[EmergencyLogged]:
        return answered(await intake.raise_(request.user, str(patient_id), data, command_id))
