"""What asking for help may be answered with besides the usual."""

from __future__ import annotations

from typing import Final

from litestar import Response
from litestar.openapi import ResponseSpec

from actors.domain.views.emergency import EmergencyView
from web.openapi import PROBLEMS
from web.problems import MEDIA_TYPE, Problem
from web.spool.schemas import EmergencyLogged

_LOGGED: Final = "It is on disk here, and is raised as soon as it can be; repeats get the same"
_FULL: Final = "It was not taken: it could not be raised, and there is no room to log it"

LOGGED: Final = {
    **PROBLEMS,
    202: ResponseSpec(EmergencyLogged, description=_LOGGED, generate_examples=False),
    507: ResponseSpec(Problem, description=_FULL, media_type=MEDIA_TYPE, generate_examples=False),
}


def answered(
    taken: EmergencyView | EmergencyLogged,
) -> Response[EmergencyView] | Response[EmergencyLogged]:
    """What the intake made of a call for help."""
    headers = {"Location": f"/api/emergencies/{taken.id}"}
    if isinstance(taken, EmergencyLogged):
        return Response(taken, status_code=202, headers=headers)
    return Response(taken, headers=headers)
