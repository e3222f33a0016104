"""Before any handler: may this role come through this door at all?

So a handler that forgets to ask is no hole for roles that have no business there, and a route that
nobody put on the list of doors serves nobody.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from actors.domain.kernel import Sender
from web.access.doors import DOORS
from web.auth import gate, is_open

NO_DOOR = "route.unlisted"


def gatekeeper(
    connection: ASGIConnection[Any, Sender, Any, Any], handler: BaseRouteHandler
) -> None:
    """A guard for the whole application. Answers 403."""
    scope = connection.scope
    if is_open(handler.opt) or scope.get("method") == "OPTIONS":
        return
    door = (str(scope.get("method", "*")), scope["path_template"])
    gate(connection.user, DOORS.get(door, NO_DOOR))
