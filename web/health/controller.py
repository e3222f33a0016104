"""/health and /metrics

Health is open, for load balancers carry no tokens; it says which part is out of reach and no more.
The figures want a token of operations or administration: a peer's address is no proof of anything
behind a proxy on the same host.
"""

from __future__ import annotations

from litestar import Controller, MediaType, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from web.audit.route import unaudited
from web.auth import OPEN, Authenticated, is_staff
from web.openapi import PROBLEMS
from web.problems import FieldError, ProblemError, forbidden
from web.services import Services

# The Prometheus text exposition format.
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(Struct, frozen=True):
    """`parts`: what was asked, each with "ok"."""

    status: str
    parts: dict[str, str] = {}


class HealthController(Controller):
    path = "/health"
    tags = ("health",)
    opt = OPEN

    @get("/live", summary="The process runs", sync_to_thread=False)
    def live(self) -> Health:
        return Health("ok")

    @get("/ready", responses=PROBLEMS, summary="Commands can be taken")
    async def ready(self, services: NamedDependency[Services]) -> Health:
        parts = await services.health()
        wrong = {name: reason for name, reason in parts.items() if reason is not None}
        if wrong:
            raise ProblemError(
                503,
                "not-ready",
                f"out of reach: {', '.join(sorted(wrong))}",
                errors=[FieldError(reason, pointer=f"/{name}") for name, reason in wrong.items()],
                headers={"Retry-After": "1"},
            )
        return Health("ok", dict.fromkeys(parts, "ok"))


@get(
    "/metrics",
    responses=PROBLEMS,
    tags=["health"],
    summary="Prometheus figures, for staff",
    opt=unaudited("figures of the service, nobody's record"),
    media_type=MediaType.TEXT,
)
async def metrics(request: Authenticated, services: NamedDependency[Services]) -> Response[bytes]:
    if not is_staff(request.user):
        raise forbidden(request.user.role, "metrics.view")
    return Response(await services.metrics(), media_type=_EXPOSITION)
