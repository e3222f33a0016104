"""The far end of an ASGI HTTP request: a client that may stop reading."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from tests.unit.realtime.clock import settle


class HttpCall:
    """`status`, `headers`, `body`: the answer as far as it has come; `ended`: that was all.

    `extension`: whether the server can reset connections when asked, which `resets` counts.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        body: bytes | Sequence[bytes] | None = b"",
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        query: str = "",
        extension: bool = False,
        address: str = "192.0.2.1",
    ) -> None:
        """`body`: in parts; None for one that never comes to its end."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.resets = 0
        self._lost = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._events: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        parts = [body] if isinstance(body, bytes) else list(body or ())
        for number, part in enumerate(parts, 1):
            more = body is None or number < len(parts)
            self._events.put_nowait({"type": "http.request", "body": part, "more_body": more})
        sent = {"host": "maxray.example", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "query_string": query.encode(),
            "client": (address, 50_000),
            "extensions": {"maxray.abort": {"abort": self._reset}} if extension else {},
        }
        self.call = asyncio.create_task(app(scope, self._events.get, self._send))

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self.reading.wait()
        if self._lost:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        assert not self.ended
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            self.ended = True
            self._events.put_nowait({"type": "http.disconnect"})

    def _reset(self) -> None:
        self.resets += 1
        self.cut()

    def cut(self) -> None:
        """The network is gone. A server does not notice while it writes (ASGI: it does nothing)."""
        self._lost = True
        self.reading.set()
        self._events.put_nowait({"type": "http.disconnect"})

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The replies and pushes of a JSON stream, or of an event stream."""
        if self.headers["content-type"].startswith("text/event-stream"):
            assert self.body == b"" or self.body.endswith(b"\n\n")
            fields = [line for line in self.body.split(b"\n") if line]
            assert all(field.startswith(b"data: ") for field in fields)
            return [json.loads(field[6:]) for field in fields]
        assert self.body == b"" or self.body.endswith(b"\n")
        return [json.loads(line) for line in self.body.splitlines()]

    async def end(self) -> None:
        """The call has come to its end."""
        for _ in range(50):
            if self.call.done():
                break
            await settle(5)
        assert self.call.done()
        await self.call
