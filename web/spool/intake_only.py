"""A worker that started while PostgreSQL or Ray was away: it takes calls for help, nothing else.

| asked for | answered |
| --- | --- |
| `POST /api/patients/{id}/emergency` | 202 with `"logged": "spool"`, as by a whole worker then |
| `GET /api/emergencies/{id}` | 503 `not-raised-yet` for what waits here, else 503 |
| `GET /health/live` | 200 |
| everything else, sockets too | 503 `starting`, with `Retry-After` |

Who calls is told by the keys that this machine kept when they were last read
(web/accounts/kept_keys.py). Which sessions ended since the worker before this one is not known: an
emergency of a disabled account becomes a dead letter at its replay, as for any outage.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Litestar, Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath, JSONBody

from actors.domain.kernel import Sender
from actors.domain.views.emergency import EmergencyDetail, EmergencyView
from actors.ports import Clock
from config import Settings
from storage.audit import AuditTrail, PostgresAuditTrail
from storage.records import RecordsUnavailable
from web import headers, problems
from web.access.gatekeeper import gatekeeper
from web.accounts.kept_keys import KeptKeys
from web.accounts.verifier import TokenVerifier
from web.audit.hook import Audited
from web.audit.route import COMMAND
from web.audit.strangers import Strangers
from web.auth import OPEN, Authenticated, BearerAuthentication
from web.body import MAX_BYTES, StrictBody
from web.emergencies.controller import Intake
from web.emergencies.schemas import RaiseBody
from web.emergencies.service import Made
from web.health.controller import Health
from web.idempotency import CommandId, provide_command_id
from web.problems import RETRY_AFTER, Problem, ProblemError
from web.spool.intake import EmergencyIntake
from web.spool.responses import answered
from web.spool.schemas import EmergencyLogged
from web.spool.store import SpoolStore


class _Nowhere:
    """The straight way, which is closed."""

    async def raise_(
        self,
        caller: Sender,
        patient_id: str,
        body: RaiseBody,
        command_id: str,
        made: Made | None = None,
    ) -> EmergencyView:
        raise RecordsUnavailable("this worker has not reached PostgreSQL and the shards yet")

    async def get(self, caller: Sender, emergency_id: str) -> EmergencyDetail:
        raise RecordsUnavailable("this worker has not reached PostgreSQL and the shards yet")


class IntakeController(Controller):
    """The same doors as of the whole application (web/access/doors.py)."""

    @post("/patients/{patient_id:uuid}/emergency", opt=COMMAND)
    async def emergency(
        self,
        request: Authenticated,
        patient_id: FromPath[UUID],
        data: JSONBody[RaiseBody],
        intake: Intake,
        command_id: CommandId,
    ) -> Response[EmergencyView] | Response[EmergencyLogged]:
        return answered(await intake.raise_(request.user, str(patient_id), data, command_id))

    @get("/emergencies/{emergency_id:uuid}", opt=COMMAND)
    async def show(
        self, request: Authenticated, emergency_id: FromPath[UUID], intake: Intake
    ) -> EmergencyDetail:
        return await intake.get(request.user, str(emergency_id))


@get("/health/live", opt=OPEN, sync_to_thread=False)
def _live() -> Health:
    return Health("ok")


_STARTING: Final = "this worker takes emergencies only until it has reached the others; try again"


def _starting(request: Request[Any, Any, Any], _: Exception) -> Response[Problem]:
    """Whatever is there in a whole worker, or not: nobody can tell now."""
    wanted = ProblemError(503, "starting", _STARTING, headers={"Retry-After": RETRY_AFTER})
    return problems.answer(request, wanted)


def create_intake_app(
    verifier: TokenVerifier, spool: SpoolStore, audit: AuditTrail, clock: Clock, after_s: float
) -> Litestar:
    """On parts that the caller opens before it runs and closes after."""
    intake = EmergencyIntake(_Nowhere(), spool, clock, after_s)

    def provided() -> EmergencyIntake:
        return intake

    return Litestar(
        route_handlers=[Router("/api", route_handlers=[IntakeController]), _live],
        dependencies={
            "intake": Provide(provided, sync_to_thread=False),
            "command_id": Provide(provide_command_id, sync_to_thread=False),
        },
        middleware=[
            DefineMiddleware(Audited, trail=audit, strangers=Strangers(audit)),
            DefineMiddleware(BearerAuthentication, verify=verifier.verify),
        ],
        guards=[gatekeeper],
        state=State({"audit": audit, "clock": clock}),
        exception_handlers={
            Exception: problems.answer,
            NotFoundException: _starting,
            MethodNotAllowedException: _starting,
        },
        before_send=[headers.finish],
        dto=StrictBody,
        return_dto=None,
        request_max_body_size=MAX_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


@asynccontextmanager
async def intake_app(
    settings: Settings, spool: SpoolStore, clock: Clock
) -> AsyncIterator[Litestar]:
    """What a worker serves until its parts are there. Needs none of them; closes `spool`."""
    assert settings.database_url and settings.token_secret
    keys = KeptKeys.of(settings).read(clock.now())
    verifier = TokenVerifier(settings.token_secret, keys, frozenset(), clock)
    # Its lines wait in memory, and are written once PostgreSQL is back, at the latest when it ends.
    audit = PostgresAuditTrail(settings.database_url.reveal(), clock)
    await audit.open()
    try:
        yield create_intake_app(verifier, spool, audit, clock, settings.spool_after_s)
    finally:
        await audit.close()
        await spool.close()
