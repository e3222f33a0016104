"""The REST application: which controllers there are, and what holds for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

from config import Settings
from storage.records import RecordsUnavailable
from storage.relationships import BreakGlassFiles, Relationships
from storage.resources import Hospitals, Shifts, Stations
from web import headers, openapi, problems
from web.access.break_glass.controller import BreakGlassController, PatientBreakGlassController
from web.access.break_glass.service import BreakGlassService
from web.access.family.controller import FamilyController, PatientFamilyController
from web.access.family.service import FamilyService
from web.access.gatekeeper import gatekeeper
from web.access.standing import Standing
from web.accounts import handlers as account_handlers
from web.accounts.controller import TokenController
from web.accounts.sign_up import SignUp
from web.audit.controller import AccessLogController, AuditController
from web.audit.hook import Audited, written_ahead
from web.audit.service import AuditService
from web.audit.strangers import Strangers
from web.auth import BearerAuthentication
from web.body import MAX_BYTES, StrictBody
from web.channels.controller import AsyncApiController
from web.dispatch.controller import DeskController, DispatchController
from web.dispatch.service import DispatchService
from web.doctors.controller import DoctorController
from web.doctors.service import DoctorService
from web.emergencies.controller import EmergencyController, TriageController
from web.emergencies.service import EmergencyService
from web.entities import Entities
from web.health.controller import HealthController, metrics
from web.hospitals.controller import HospitalChoiceController, HospitalController
from web.hospitals.service import HospitalService
from web.idempotency import provide_command_id
from web.paramedics.controller import ParamedicController
from web.paramedics.service import ParamedicService
from web.patients.controller import PatientController
from web.patients.erasure import Erasure
from web.patients.service import PatientService
from web.services import Services
from web.shifts.controller import RosterController, ShiftController
from web.shifts.service import ShiftService
from web.spool.intake import EmergencyIntake
from web.spool.replay import Replayer
from web.spool.reraise import Reraise
from web.stations.controller import StationController
from web.stations.service import StationService
from web.times import moment
from web.travel import travel_of

log = logging.getLogger(__name__)

# As long as the runtime keeps its answers (actors.shard.Limits.answer_retention_s).
KEY_RETENTION: Final = timedelta(hours=48)
# Nothing depends on what is past: one deletion an hour is little work at a time.
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
    accounts = services.accounts
    erasure = Erasure(
        records,
        entities,
        clock,
        services.settings.erasure_hold_days,
        accounts,
        services.audit,
    )
    relationships = Relationships(records.database)
    standing = Standing(relationships, entities, clock)
    patients = PatientService(records, entities, clock, standing, erasure)
    emergencies = EmergencyService(records, entities, clock, standing, services.settings.region)
    stations = Stations(records.database, services.vault)
    hospitals = HospitalService(
        Hospitals(records.database, services.vault), entities, clock, travel_of(services.settings)
    )
    api = Router(
        "/api",
        route_handlers=[
            PatientController,
            PatientFamilyController,
            PatientBreakGlassController,
            FamilyController,
            BreakGlassController,
            EmergencyController,
            DispatchController,
            DeskController,
            TriageController,
            ParamedicController,
            HospitalController,
            HospitalChoiceController,
            StationController,
            ShiftController,
            RosterController,
            DoctorController,
            TokenController,
            AuditController,
            AccessLogController,
            *account_handlers.API,
        ],
    )
    return Litestar(
        route_handlers=[
            api,
            HealthController,
            metrics,
            AsyncApiController,
            *account_handlers.ROOT,
            *extra_handlers,
        ],
        dependencies={
            "services": _constant(services),
            "patients": _constant(patients),
            "accounts": _constant(accounts),
            "sign_up": _constant(SignUp(accounts.parts, patients)),
            "families": _constant(
                FamilyService(
                    relationships,
                    records,
                    patients,
                    standing,
                    services.live,
                    services.mailer,
                    clock,
                )
            ),
            "break_glass": _constant(
                BreakGlassService(
                    BreakGlassFiles(records.database, services.vault),
                    relationships,
                    records,
                    standing,
                    services.live,
                    services.mailer,
                    clock,
                    f"{public_address(services.settings)}/",
                )
            ),
            "emergencies": _constant(emergencies),
            "dispatch": _constant(DispatchService(entities, records.emergencies)),
            "intake": _constant(
                EmergencyIntake(emergencies, services.spool, clock, services.settings.spool_after_s)
            ),
            "paramedics": _constant(ParamedicService(records, entities, clock, accounts)),
            "doctors": _constant(DoctorService(records, entities, clock, accounts)),
            "hospitals": _constant(hospitals),
            "stations": _constant(StationService(stations, entities, clock)),
            "shifts": _constant(
                ShiftService(
                    Shifts(records.database, services.vault), stations, records, entities, clock
                )
            ),
            "audit": _constant(
                AuditService(services.audit_log, records, services.vault, patients, clock)
            ),
            "command_id": Provide(provide_command_id, sync_to_thread=False),
        },
        middleware=[
            DefineMiddleware(
                Audited,
                trail=services.audit,
                strangers=Strangers(services.audit),
                vault=services.vault,
            ),
            DefineMiddleware(
                BearerAuthentication,
                verify=services.verify_token,
                verify_enrolling=accounts.verifier.verify_enrolling,
            ),
        ],
        guards=[gatekeeper, written_ahead],
        state=State({"audit": services.audit, "clock": clock}),
        exception_handlers={Exception: problems.answer},
        before_send=[headers.finish],
        dto=StrictBody,
        return_dto=None,
        request_max_body_size=MAX_BYTES,
        openapi_config=openapi.config(version("maxray")),
        lifespan=[
            lambda _app: _beside(_pruning(services)),
            lambda _app: _beside(erasure.run()),
            lambda _app: _beside(_replaying(services, emergencies)),
        ],
        logging_config=None,
        debug=False,
    )


def public_address(settings: Settings) -> str:
    """Where links in mail begin; without a slash at its end."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def _constant(value: Any) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


async def _pruning(services: Services) -> None:
    """Forget old Idempotency-Keys now and then."""
    while True:
        await services.clock.sleep(PRUNE_EVERY_S)
        try:
            await services.records.prune(moment(services.clock.now()) - KEY_RETENTION)
        except RecordsUnavailable as error:
            log.warning("old Idempotency-Keys not forgotten: %s", error)


async def _replaying(services: Services, emergencies: EmergencyService) -> None:
    """Raise what waits in the spool, once it can be."""
    if services.spool is not None:
        lock, reraise = services.spool.replayer_lock(), Reraise(emergencies, services.spool)
        await Replayer(services.spool, lock, reraise, services.audit, services.clock).run()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Done while the application runs."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
