"""The server HTTP API: what a back end calls to publish, and to see and steer its clients.

`POST <prefix>/<method>` with a JSON body, the key in `X-API-Key` or `Authorization: apikey KEY`.
The answer is `{"result": …}` or `{"error": {"code": …, "message": …}}`, both with status 200, as
Centrifugo's clients expect; 400, 401, 404, 405, 413 and 415 are for requests that are no call at
all. Bodies are those of Centrifugo v6's server API.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from realtime.errors import RealtimeError
from realtime.standalone.api_methods import ApiError, Methods, error_of
from realtime.standalone.api_requests import METHODS
from realtime.standalone.options import HttpApi

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# A broadcast to many channels is the largest call there is reason for.
_BODY_BYTES: Final = 4 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class _Rejected(Exception):
    """The request is no call: an HTTP status and a word on what is accepted."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class HttpApiApp:
    """An ASGI application for everything under the API's prefix."""

    def __init__(self, options: HttpApi, methods: Methods) -> None:
        self._options = options
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, body = 200, await self._answer(scope, receive)
        except _Rejected as rejected:
            status = rejected.status
            body = {"error": {"code": status, "message": str(rejected)}}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": _encode(body)})

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        if not self._authorized(scope):
            raise _Rejected(401, "the API key is missing or wrong; send it as X-API-Key")
        name = scope["path"].removeprefix(self._options.handler_prefix).strip("/")
        if name != "batch" and name not in METHODS:
            raise _Rejected(404, f"no such method; there are batch, {', '.join(METHODS)}")
        if scope["method"] != "POST":
            raise _Rejected(405, "methods are called by POST")
        body = await _body(receive)
        try:
            if name == "batch":
                return await self._batch(body)
            return await self._call(name, msgspec.json.decode(body or b"{}", type=METHODS[name]))
        except msgspec.MsgspecError as error:
            raise _Rejected(400, f"{name}: {error}") from None

    async def _batch(self, body: bytes) -> dict[str, Any]:
        commands = msgspec.json.decode(body, type=_Batch).commands
        decoded: list[tuple[str, Any]] = []
        for number, command in enumerate(commands):
            given = [name for name in command if name in METHODS]
            if len(given) != 1 or len(command) != 1:
                raise _Rejected(400, f"commands[{number}]: one method, of {', '.join(METHODS)}")
            decoded.append(
                (given[0], msgspec.json.decode(command[given[0]], type=METHODS[given[0]]))
            )
        replies = []
        for name, request in decoded:
            answer = await self._call(name, request)
            replies.append({name: answer["result"]} if "result" in answer else answer)
        return {"replies": replies}

    async def _call(self, name: str, request: Any) -> dict[str, Any]:
        try:
            return {"result": await self._methods.call(name, request)}
        except (ApiError, RealtimeError) as error:
            code, message = error_of(error)
            return {"error": {"code": code, "message": message}}

    def _authorized(self, scope: Scope) -> bool:
        if self._options.insecure:
            return True
        headers = dict(scope["headers"])
        given = headers.get(b"x-api-key", b"")
        scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
        if not given and scheme.lower() == b"apikey":
            given = credentials
        if not given:
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
            given = query.get("api_key", [""])[0].encode("latin-1", "replace")
        key = self._options.key.encode()
        return bool(key) and hmac.compare_digest(given, key)


class _Batch(msgspec.Struct, frozen=True):
    """`parallel` is accepted and not needed: calls are quick, and their order is kept."""

    commands: list[dict[str, msgspec.Raw]]
    parallel: bool = False


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Rejected(400, "the request was not sent to its end")
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_BYTES:
            raise _Rejected(413, f"a request has at most {_BODY_BYTES} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
