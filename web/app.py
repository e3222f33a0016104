"""The REST application: which controllers there are, and what holds for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

from storage.records import RecordsUnavailable
from web import headers, openapi, problems
from web.accounts.controller import TokenController
from web.auth import BearerAuthentication
from web.body import MAX_BYTES, StrictBody
from web.channels.controller import AsyncApiController
from web.doctors.controller import DoctorController
from web.doctors.service import DoctorService
from web.emergencies.controller import (
    DispatchController,
    EmergencyController,
    TriageController,
)
from web.emergencies.service import EmergencyService
from web.entities import Entities
from web.health.controller import HealthController, metrics
from web.idempotency import provide_command_id
from web.paramedics.controller import ParamedicController
from web.paramedics.service import ParamedicService
from web.patients.controller import PatientController
from web.patients.service import PatientService
from web.services import Services
from web.times import moment

log = logging.getLogger(__name__)

# As long as the runtime keeps its answers (actors.shard.Limits.answer_retention_s).
KEY_RETENTION: Final = timedelta(hours=48)
PRUNE_EVERY_S: Final = 3600.0


def create_app(
    services: Services, extra_handlers: Sequence[ControllerRouterHandler] = ()
) -> Litestar:
    """The application on these services, which the caller opens before it runs and closes after.

    `extra_handlers` are mounted beside it. They want a bearer token like all routes, unless their
    `opt` has `web.auth.OPEN` (a page that holds no data; a socket that asks for the token itself).
    """
    entities = Entities(services.router, services.answer_timeout_s)
    records, clock = services.records, services.clock
    api = Router(
        "/api",
        route_handlers=[
            PatientController,
            EmergencyController,
            DispatchController,
            TriageController,
            ParamedicController,
            DoctorController,
            TokenController,
        ],
    )
    return Litestar(
        route_handlers=[api, HealthController, metrics, AsyncApiController, *extra_handlers],
        dependencies={
            "services": _constant(services),
            "patients": _constant(PatientService(records, entities, clock)),
            "emergencies": _constant(
                EmergencyService(records, entities, clock, services.settings.region)
            ),
            "paramedics": _constant(ParamedicService(records, entities, clock)),
            "doctors": _constant(DoctorService(records, entities, clock)),
            "command_id": Provide(provide_command_id, sync_to_thread=False),
        },
        middleware=[DefineMiddleware(BearerAuthentication, verify=services.verify_token)],
        exception_handlers={Exception: problems.answer},
        before_send=[headers.finish],
        dto=StrictBody,
        return_dto=None,
        request_max_body_size=MAX_BYTES,
        openapi_config=openapi.config(version("maxray")),
        lifespan=[lambda _app: _pruning(services)],
        logging_config=None,
        debug=False,
    )


def _constant(value: Any) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


@asynccontextmanager
async def _pruning(services: Services) -> AsyncIterator[None]:
    """While the application runs, forget old Idempotency-Keys now and then."""

    async def forget() -> None:
        while True:
            await services.clock.sleep(PRUNE_EVERY_S)
            try:
                await services.records.prune(moment(services.clock.now()) - KEY_RETENTION)
            except RecordsUnavailable as error:
                log.warning("old Idempotency-Keys not forgotten: %s", error)

    task = asyncio.create_task(forget())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
