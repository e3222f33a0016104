"""GET /asyncapi: the sockets' description, as GET /schema is the API's."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from litestar import Controller, get

from web.auth import OPEN
from web.channels.asyncapi import document

SOCKET_PATH: Final = "/connection/websocket"


class AsyncApiController(Controller):
    path = "/asyncapi"
    opt = OPEN
    include_in_schema = False

    @get("/", media_type="application/vnd.aai.asyncapi+json;version=3.0.0", sync_to_thread=False)
    def asyncapi(self) -> dict[str, Any]:
        return document(version("maxray"), SOCKET_PATH)
