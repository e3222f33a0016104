"""Our own WebSocket over TLS, as `maxray up --tls` serves it: nothing is lost, nobody is slowed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from websockets.frames import Close, Opcode

from realtime.broker.broker_memory import MemoryBroker
from realtime.nodes.control import Target
from realtime.settings import RealtimeSettings
from realtime.transport.websocket import WebSocket
from tests.integration.realtime.raw_peer import RawPeer
from tests.integration.realtime.service import SSE_PATH, Device, Service, serving
from tests.integration.realtime.waiting import until
from web.tls.context import load, server_context, trusting
from web.tls.folder import AUTHORITY, Files, keep

SMALL = RealtimeSettings(
    queue_bytes=100_000, queue_hard_bytes=400_000, slow_grace_s=0.2, close_timeout_s=0.2
)
BIG = b'"' + b"x" * 60_000 + b'"'


class Tls:
    """A certificate, the server's side of it and a client's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = server_context(self.files())
        self.trust = trusting(folder / AUTHORITY)

    def files(self, *names: str) -> Files:
        return keep(self.folder, ["127.0.0.1", *names], time.time())


class TlsPeer(RawPeer):
    trust: ssl.SSLContext

    @classmethod
    async def open(cls, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(host, port, ssl=cls.trust)


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(tmp_path / "tls")


@pytest.fixture
def peer(tls: Tls) -> type[RawPeer]:
    return type("TlsPeer", (TlsPeer,), {"trust": tls.trust})


@pytest_asyncio.fixture(loop_scope="session")
async def service(tls: Tls) -> AsyncIterator[Service]:
    async with serving(MemoryBroker(), settings=SMALL, tls=tls.server) as service:
        yield service
        await until(lambda: service.realtime.metrics.connections == 0)
        assert service.realtime.metrics.queue_bytes == 0


async def test_the_sdk_gets_every_fact_once_also_after_a_cut(service: Service, tls: Tls) -> None:
    assert service.url.startswith("wss://")
    async with Device(service.url, ssl_context=tls.trust) as device:
        events = await device.subscribe("fact:1")
        for number in range(10):
            await service.publish("fact:1", 20)
            if number == 5:
                assert all(isinstance(one, WebSocket) for one in service.sockets)
                assert len(service.sockets) == 1, "it is the raw one, not uvicorn's"
                service.cut()
        await events.reach(200)
        assert events.offsets == list(range(1, 201))
        assert (await device.client.rpc("whoami", {})).data == "ann"


async def test_nobody_comes_in_without_trust_or_without_tls(service: Service) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"https://127.0.0.1:{service.port}/")
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://127.0.0.1:{service.port}/")
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert b"HTTP" not in await reader.read()
    writer.close()


async def test_the_other_transports_are_behind_tls_too(service: Service, tls: Tls) -> None:
    url = f"https://127.0.0.1:{service.port}{SSE_PATH}"
    connect = '{"id":1,"connect":{"token":"ann"}}'
    async with (
        httpx.AsyncClient(verify=tls.trust, trust_env=False) as client,
        client.stream("GET", url, params={"cf_connect": connect}) as answer,
    ):
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                assert '"connect"' in line
                break


async def test_what_was_queued_comes_before_the_close(
    service: Service, peer: type[RawPeer]
) -> None:
    ann = await peer.connect(service.url)
    for _ in range(5):
        await service.realtime.message(Target(user="ann"), BIG)
    await service.realtime.disconnect(Target(user="ann"))
    received = 0
    while (frame := await ann.receive()).opcode is Opcode.TEXT:
        received += bytes(frame.data).count(b'"message"')
    assert received == 5
    assert Close.parse(bytes(frame.data)).code == 3503
    ann.end()


async def test_one_who_does_not_read_is_cut_and_slows_nobody(
    service: Service, peer: type[RawPeer]
) -> None:
    slow = await peer.connect(service.url, "slow")
    # Reads too, though a writer's transport is typed as one that writes.
    slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
    quick = await peer.connect(service.url, "quick")
    taken = 0
    async with asyncio.timeout(20):
        while len(service.sockets) == 2:
            taken += await service.realtime.message(Target(user="slow"), BIG)
            await service.realtime.message(Target(user="quick"), b'"tick"')
            got = await quick.receive()
            assert b'"tick"' in bytes(got.data)
    # What the kernel and the client's own TLS take, and our bounds.
    assert 1 < taken * len(BIG) < 10_000_000
    slow.writer.transport.abort()
    quick.end()


async def test_a_handshake_that_never_ends_holds_nobody_up(
    service: Service, peer: type[RawPeer]
) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(20):
            raw = held.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            raw.sendall(b"\x16\x03\x01")  # the beginning of a ClientHello
        ann = await peer.connect(service.url)
        ann.end()


async def test_a_renewed_certificate_ends_no_connection(
    service: Service, peer: type[RawPeer], tls: Tls
) -> None:
    before = await peer.connect(service.url)
    load(tls.server, tls.files("renewed.example"))
    after = await peer.connect(service.url, "bob")
    shown = after.writer.get_extra_info("ssl_object").getpeercert()
    assert ("DNS", "renewed.example") in shown["subjectAltName"]
    reply = await before.ask({"id": 2, "rpc": {"method": "whoami"}})
    assert "rpc" in reply
    before.end()
    after.end()
