"""The far end of an ASGI WebSocket: a client that may stop reading, and its server waits then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from realtime.transport.asgi import WebSocketApp
from tests.unit.realtime.clock import settle


class Gone(OSError):
    """What an ASGI server raises for a client that is no more (spec 2.4)."""


class Socket:
    """`replies`: all frames received, decoded. `closed`: code and reason, once it was closed."""

    def __init__(self, app: WebSocketApp, **scope: Any) -> None:
        self.replies: list[dict[str, Any]] = []
        self.messages: list[str | bytes] = []
        self.accepted: dict[str, Any] | None = None
        self.closed: tuple[int, str] | None = None
        self.reading = asyncio.Event()
        self.reading.set()
        self._events: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._lost = False
        self._id = 0
        headers = [(b"host", b"maxray.example")]
        self.scope = {"type": "websocket", "headers": headers, "query_string": b"", **scope}
        self._events.put_nowait({"type": "websocket.connect"})
        self.call = asyncio.create_task(app(self.scope, self._events.get, self._send))

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self.reading.wait()
        if self._lost:
            raise Gone
        if message["type"] == "websocket.accept":
            self.accepted = dict(message)
        elif message["type"] == "websocket.close":
            self.closed = (message["code"], message.get("reason", ""))
            self._events.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        else:
            text = message.get("text")
            self.messages.append(message["bytes"] if text is None else text)
            self.replies += [json.loads(line) for line in (text or "").splitlines()]

    def say(self, *commands: dict[str, Any]) -> None:
        self.write("\n".join(json.dumps(command) for command in commands))

    def write(self, text: str | bytes) -> None:
        kind = "text" if isinstance(text, str) else "bytes"
        self._events.put_nowait({"type": "websocket.receive", kind: text})

    def cut(self) -> None:
        """The network is gone."""
        self._lost = True
        self.reading.set()
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its reply."""
        self._id += 1
        self.say({"id": self._id, **command})
        for _ in range(50):
            await settle(5)
            for reply in self.replies:
                if reply.get("id") == self._id:
                    return reply
        raise AssertionError(f"no reply to {command}; got {self.replies}, closed {self.closed}")

    async def connect(self, token: str = "ann") -> dict[str, Any]:
        return await self.ask(connect={"token": token})

    def publications(self, channel: str) -> list[Any]:
        """What was pushed on a channel."""
        return [push["pub"]["data"] for push in self.pushes("pub") if push["channel"] == channel]

    def pushes(self, kind: str) -> list[Any]:
        """All pushes that have this member."""
        found = [reply["push"] for reply in self.replies if "push" in reply]
        return [push for push in found if kind in push]

    async def end(self) -> None:
        """The call has come to its end."""
        for _ in range(50):
            if self.call.done():
                break
            await settle(5)
        assert self.call.done()
        await self.call
