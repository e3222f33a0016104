"""Hostile clients on real sockets, all kinds at once: the worker goes on, a good client is served
all the while, and afterwards nothing of them is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

import pytest
from websockets.frames import Frame, Opcode

from realtime.broker.broker_memory import MemoryBroker
from realtime.settings import RealtimeSettings
from tests.integration.realtime.raw_peer import HEADERS
from tests.integration.realtime.service import (
    EMULATION_PATH,
    HTTP_STREAM_PATH,
    PATH,
    SSE_PATH,
    Device,
    Service,
    serving,
)
from tests.integration.realtime.waiting import until
from web import http_protocol

IMPATIENT = RealtimeSettings(
    connect_timeout_s=0.3,
    ping_interval_s=1,
    pong_timeout_s=0.3,
    close_timeout_s=0.1,
    slow_grace_s=0.2,
    queue_bytes=20_000,
    queue_hard_bytes=80_000,
    channel_linger_s=0.1,
    max_message_bytes=10_000,
)
PATHS = (PATH, HTTP_STREAM_PATH, SSE_PATH, EMULATION_PATH)
Hostile = Callable[[random.Random], bytes]


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(1, 300))


def half_a_head(rng: random.Random) -> bytes:
    head = f"GET {rng.choice(PATHS)} HTTP/1.1\r\nHost: a\r\nX: {'y' * rng.randint(0, 99)}"
    return head.encode()


def request(rng: random.Random) -> bytes:
    """With a body of noise, of which all may come or not."""
    body = noise(rng)
    kind = rng.choice(["application/json", "application/octet-stream", "a/b"])
    promised = len(body) + rng.choice([0, 0, 50])
    head = f"POST {rng.choice(PATHS)} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {promised}\r\n\r\n".encode() + body


def handshake(query: str = "") -> bytes:
    lines = [f"GET {PATH}{query} HTTP/1.1", *(f"{name}: {v}" for name, v in HEADERS.items())]
    return "\r\n".join((*lines, "", "")).encode()


def silent_socket(rng: random.Random) -> bytes:
    return handshake()


def socket_with_noise_for_frames(rng: random.Random) -> bytes:
    return handshake() + noise(rng)


def socket_with_noise_for_messages(rng: random.Random) -> bytes:
    binary = rng.random() < 0.5
    opcode = Opcode.BINARY if binary else Opcode.TEXT
    data = (
        noise(rng)
        if binary
        else b'{"id":1,"connect":{"token":"ann"}}\n{"id":' + noise(rng).hex().encode()
    )
    frame = Frame(opcode, data).serialize(mask=True)
    return handshake("?format=protobuf" if binary else "") + frame


def socket_with_an_oversized_message(rng: random.Random) -> bytes:
    return handshake() + Frame(Opcode.TEXT, b"x" * 20_000).serialize(mask=True)


def subscriber_that_never_reads_nor_pongs(rng: random.Random) -> bytes:
    commands = b'{"id":1,"connect":{"token":"ann"}}\n{"id":2,"subscribe":{"channel":"fact:1"}}'
    return handshake() + Frame(Opcode.TEXT, commands).serialize(mask=True)


KINDS: tuple[Hostile, ...] = (
    noise,
    half_a_head,
    request,
    silent_socket,
    socket_with_noise_for_frames,
    socket_with_noise_for_messages,
    socket_with_an_oversized_message,
    subscriber_that_never_reads_nor_pongs,
)


async def attack(service: Service, said: bytes, ends: bool) -> asyncio.StreamWriter | None:
    """`ends`: it goes at once. Else it stays, and does not read."""
    # Hardly a buffer: it is the server that has to keep what such a client does not read.
    _reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1024)
    writer.write(said)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    if ends:
        writer.close()
        return None
    return writer


async def test_hostile_clients_leave_nothing_and_delay_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.3)
    rng = random.Random(7)
    async with serving(MemoryBroker(), settings=IMPATIENT) as service:
        good = Device(service.url, "good")
        await good.client.connect()
        await until(lambda: good.events.connected == 1)
        tasks = len(asyncio.all_tasks())
        left: list[asyncio.StreamWriter | None] = []
        for _ in range(6):
            left += [await attack(service, kind(rng), rng.random() < 0.3) for kind in KINDS * 2]
            await service.publish("fact:1", 50)
            # Within the SDK's timeout.
            assert (await good.client.rpc("whoami", None)).data == "good"
        await until(lambda: service.realtime.metrics.connections == 1)
        await until(lambda: not service.http_connections)
        metrics = service.realtime.metrics
        assert (metrics.subscriptions, metrics.queue_bytes) == (0, 0)
        await until(lambda: metrics.channels == 0)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert good.events.connected == 1
        for writer in left:
            if writer is not None:
                writer.close()
        await good.client.disconnect()
