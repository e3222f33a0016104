"""/api/audit, /api/patients/{id}/access-log"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from storage.audit import Outcome
from storage.audit.log import Wanted
from web.audit.schemas import AccessView, LineView
from web.audit.service import AuditService
from web.auth import Authenticated
from web.openapi import PROBLEMS
from web.paging import LIMIT, Limit, Page
from web.times import utc

Audit = NamedDependency[AuditService]
PlaceCursor = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=600, description="`next` of the page before this one"),
]


def _word(name: str, says: str) -> QueryParameter:
    return QueryParameter(name=name, pattern=r"^[^\x00]{1,200}$(?!\n)", description=says)


class AuditController(Controller):
    path = "/audit"
    tags = ("audit",)

    @get("/", responses=PROBLEMS, summary="The audit trail, newest first")
    async def index(
        self,
        request: Authenticated,
        audit: Audit,
        subject: Annotated[str | None, _word("subject", "who: the id of a person")] = None,
        role: Annotated[str | None, _word("role", "who: a role, `system`, or `anonymous`")] = None,
        patient_id: FromQuery[UUID | None] = None,
        action: Annotated[
            str | None, _word("action", "what, as in the access table, or a command's name")
        ] = None,
        kind: Annotated[str | None, _word("kind", "to what: a kind of thing")] = None,
        id_: Annotated[str | None, _word("id", "to what: its id")] = None,
        outcome: FromQuery[Outcome | None] = None,
        request_id: Annotated[
            str | None, _word("request_id", "of which request; of a step, its command's id")
        ] = None,
        since: FromQuery[datetime | None] = None,
        until: FromQuery[datetime | None] = None,
        cursor: PlaceCursor = None,
        limit: Limit = LIMIT,
    ) -> Page[LineView]:
        wanted = Wanted(
            role=role,
            subject=subject,
            patient=None if patient_id is None else str(patient_id),
            action=action,
            kind=kind,
            id=id_,
            outcome=outcome,
            request_id=request_id,
            since=_seconds(since, "since"),
            until=_seconds(until, "until"),
        )
        return await audit.lines(request.user, wanted, cursor, limit)


class AccessLogController(Controller):
    path = "/patients"
    tags = ("audit",)

    @get(
        "/{patient_id:uuid}/access-log",
        responses=PROBLEMS,
        summary="Who saw or changed this patient's record, newest first",
    )
    async def index(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        audit: Audit,
        own: FromQuery[bool] = False,
        since: FromQuery[datetime | None] = None,
        cursor: PlaceCursor = None,
        limit: Limit = LIMIT,
    ) -> Page[AccessView]:
        return await audit.accesses(
            request.user,
            str(patient_id),
            cursor,
            limit,
            own=own,
            since=_seconds(since, "since"),
        )


def _seconds(given: datetime | None, parameter: str) -> float | None:
    moment = utc(given, parameter)
    return None if moment is None else moment.timestamp()
