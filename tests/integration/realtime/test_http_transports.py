"""Streams over HTTP under uvicorn, as production serves them, and clients that misbehave there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from realtime.broker.broker_memory import MemoryBroker
from realtime.settings import RealtimeSettings
from tests.integration.realtime.service import (
    EMULATION_PATH,
    HTTP_STREAM_PATH,
    SSE_PATH,
    Service,
    serving,
)
from tests.integration.realtime.waiting import until
from web import http_protocol

CONNECT = {"id": 1, "connect": {"token": "ann"}}


class Stream:
    """A client of one of the two, by hand. `replies`: what has come."""

    def __init__(self, service: Service, kind: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=10)
        self._kind = kind
        self._reading: asyncio.Task[None] | None = None
        self.replies: list[dict[str, Any]] = []
        self.ended = False

    async def open(self) -> None:
        self._reading = asyncio.create_task(self._read())
        await until(lambda: self.replies)

    async def _read(self) -> None:
        connect = json.dumps(CONNECT)
        request = (
            self._client.stream("GET", f"{SSE_PATH}?{urlencode({'cf_connect': connect})}")
            if self._kind == "sse"
            else self._client.stream("POST", HTTP_STREAM_PATH, content=connect)
        )
        async with request as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                text = line.removeprefix("data: ")
                if text:
                    self.replies.append(json.loads(text))
        self.ended = True

    async def say(self, command: dict[str, Any]) -> int:
        connect = self.replies[0]["connect"]
        request = {name: connect[name] for name in ("node", "session")}
        answer = await self._client.post(
            EMULATION_PATH, json={**request, "data": json.dumps(command)}
        )
        return answer.status_code

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert await self.say(command) == 204
        await until(lambda: any(one.get("id") == command["id"] for one in self.replies))
        return next(one for one in self.replies if one.get("id") == command["id"])

    async def reach(self, count: int) -> None:
        """So many have come."""
        await until(lambda: len(self.replies) == count)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        await self._client.aclose()


@asynccontextmanager
async def served(settings: RealtimeSettings | None = None) -> AsyncIterator[Service]:
    async with serving(MemoryBroker(), settings=settings) as service:
        yield service
    metrics = service.realtime.metrics
    assert (metrics.connections, metrics.subscriptions, metrics.queue_bytes) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["http_stream", "sse"])
class TestStream:
    async def test_publications_arrive_and_calls_are_answered(self, kind: str) -> None:
        async with served() as service:
            stream = Stream(service, kind)
            await stream.open()
            await stream.ask({"id": 2, "subscribe": {"channel": "fact:1"}})
            assert (await stream.ask({"id": 3, "rpc": {"method": "whoami"}}))["rpc"] == {
                "data": "ann"
            }
            await service.publish("fact:1", 3)
            await stream.reach(6)
            offsets = [one["push"]["pub"]["offset"] for one in stream.replies[3:]]
            assert offsets == [1, 2, 3]
            await stream.close()
            await until(lambda: service.realtime.metrics.connections == 0)

    async def test_the_server_says_good_bye(self, kind: str) -> None:
        async with served() as service:
            stream = Stream(service, kind)
            await stream.open()
            await service.realtime.drain(0)
            await until(lambda: stream.ended)
            assert stream.replies[-1]["push"]["disconnect"]["code"] == 3001
            await stream.close()

    async def test_who_does_not_read_is_reset_and_delays_nobody(self, kind: str) -> None:
        settings = RealtimeSettings(
            queue_bytes=100_000, queue_hard_bytes=400_000, close_timeout_s=0.1, slow_grace_s=0.1
        )
        async with served(settings) as service:
            reader = Stream(service, kind)
            await reader.open()
            await reader.ask({"id": 2, "subscribe": {"channel": "fact:1"}})
            lazy, session = await opened(service, kind)
            await post(service, session, {"id": 2, "subscribe": {"channel": "fact:1"}})
            fact = json.dumps("x" * 50_000).encode()
            sent = 0
            while not service.realtime.metrics.slow_disconnects and sent < 500:
                await service.realtime.publish([service.journal.append("fact:1", fact)])
                sent += 1
                await reader.reach(2 + sent)
            assert service.realtime.metrics.slow_disconnects == 1
            # Reset, not closed: a close would wait for the peer to read what was written.
            await until(lambda: service.realtime.metrics.connections == 1)
            await until(lambda: len(service.http_connections) <= 2)
            assert service.realtime.metrics.queue_bytes == 0
            lazy.close()
            await reader.close()


async def opened(service: Service, kind: str) -> tuple[socket.socket, dict[str, str]]:
    """A client that reads the connect reply and then nothing more."""
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.setblocking(False)
    await loop.sock_connect(peer, ("127.0.0.1", service.port))
    connect = json.dumps(CONNECT)
    if kind == "sse":
        head = f"GET {SSE_PATH}?{urlencode({'cf_connect': connect})} HTTP/1.1\r\nHost: a\r\n\r\n"
    else:
        head = f"POST {HTTP_STREAM_PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(connect)}\r\n"
        head += f"\r\n{connect}"
    await loop.sock_sendall(peer, head.encode())
    seen = b""
    while b"session" not in seen or not seen.endswith(b"\r\n"):
        seen += await loop.sock_recv(peer, 4096)
    reply = json.loads(seen[seen.index(b'{"id"') : seen.rindex(b"}") + 1])
    return peer, {name: reply["connect"][name] for name in ("node", "session")}


async def post(service: Service, session: dict[str, str], command: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as client:
        answer = await client.post(EMULATION_PATH, json={**session, "data": json.dumps(command)})
        assert answer.status_code == 204


async def _talk(service: Service, *parts: bytes) -> bytes:
    """Say something on a connection of its own; what is answered until the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
    answer = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            answer = await reader.read()
    writer.close()
    return answer


class TestHostile:
    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"GET /conn",
            b"POST /emulation HTTP/1.1\r\nHost: a\r\nX-A: ",
            b"GET / HTTP/1.1\r\nA",
        ],
    )
    async def test_a_head_that_dribbles_is_cut(
        self, head: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.05)
        async with served() as service:
            assert await _talk(service, head) == b""
            await until(lambda: not service.http_connections)

    async def test_a_head_without_end_is_cut(self) -> None:
        async with served() as service:
            parts = [b"GET /emulation HTTP/1.1\r\nHost: a\r\nX-A: "] + [b"x" * 65536] * 100
            assert await _talk(service, *parts) == b""
            await until(lambda: not service.http_connections)

    @pytest.mark.parametrize("path", [HTTP_STREAM_PATH, SSE_PATH, EMULATION_PATH])
    async def test_a_body_that_dribbles_is_refused(self, path: str) -> None:
        async with served(RealtimeSettings(connect_timeout_s=0.05)) as service:
            head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
            answer = await _talk(service, head.encode(), b"{")
            assert answer.startswith(b"HTTP/1.1 408 ")

    async def test_a_body_without_end_is_refused(self) -> None:
        async with served() as service:
            head = f"POST {HTTP_STREAM_PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
            answer = await _talk(service, head.encode(), *[b"x" * 65536] * 10)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
            await until(lambda: not service.http_connections)
