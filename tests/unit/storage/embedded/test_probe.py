"""What the probes take for an answer, on servers that say something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from storage.embedded import probe
from storage.embedded.errors import NotReady
from storage.embedded.sigv4 import S3Access


@asynccontextmanager
async def server_saying(answer: bytes) -> AsyncIterator[int]:
    """Answers whatever is sent first with these bytes and closes; the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_redis_must_say_pong() -> None:
    async with server_saying(b"+PONG\r\n") as port:
        await probe.redis(f"redis://127.0.0.1:{port}/0")
    async with server_saying(b"-LOADING Redis is loading the dataset in memory\r\n") as port:
        with pytest.raises(NotReady, match="LOADING"):
            await probe.redis(f"redis://127.0.0.1:{port}/0")
    async with server_saying(b"") as port:
        with pytest.raises(NotReady, match="closed"):
            await probe.redis(f"redis://:password@127.0.0.1:{port}/0")


async def test_redis_is_asked_on_a_unix_socket_too(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"+PONG\r\n")
        writer.close()

    path = tmp_path / "s"
    async with await asyncio.start_unix_server(talk, path):
        await probe.redis(f"unix://{path}")


def data_frame(message: bytes) -> bytes:
    return len(message).to_bytes(3, "big") + b"\x00\x00" + (1).to_bytes(4, "big") + message


async def test_grpc_must_say_serving() -> None:
    async with server_saying(data_frame(b"\0\0\0\0\2\x08\x01")) as port:
        await probe.grpc(f"127.0.0.1:{port}")
    trailers_only = b"\0\0\0\x01\x05\0\0\0\x01"
    async with server_saying(data_frame(b"\0\0\0\0\2\x08\x02") + trailers_only) as port:
        with pytest.raises(NotReady, match="SERVING"):
            await probe.grpc(f"127.0.0.1:{port}")
    async with server_saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises((NotReady, TimeoutError)):
            await probe.grpc(f"127.0.0.1:{port}")


async def test_http_wants_a_2xx_and_s3_a_200() -> None:
    async with server_saying(b"HTTP/1.1 204 No Content\r\n\r\n") as port:
        await probe.http(f"http://127.0.0.1:{port}/health/live")
    async with server_saying(b"HTTP/1.1 503 Unavailable\r\n\r\n") as port:
        with pytest.raises(NotReady, match="503"):
            await probe.http(f"http://127.0.0.1:{port}/health/live")
    async with server_saying(b"HTTP/1.1 403 Forbidden\r\n\r\n") as port:
        with pytest.raises(NotReady, match="403"):
            await probe.s3(S3Access(f"http://127.0.0.1:{port}", "a", "b", "r"), "bucket")
    async with server_saying(b"nonsense\r\n") as port:
        with pytest.raises(NotReady):
            await probe.http(f"http://127.0.0.1:{port}/")


async def test_nobody_there_is_an_error_of_the_system() -> None:
    for ask in (
        probe.redis("redis://127.0.0.1:1/0"),
        probe.grpc("127.0.0.1:1"),
        probe.postgres("postgresql://a:b@127.0.0.1:1/c"),
        probe.http("http://127.0.0.1:1/"),
    ):
        with pytest.raises(OSError, match=r"refused|failed"):
            await ask


async def test_a_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NotReady):
        await probe.file(tmp_path / "ready")
    (tmp_path / "ready").touch()
    await probe.file(tmp_path / "ready")
