"""Whether a server is in service, asked in its own protocol. Each raises NotReady or OSError."""

from __future__ import annotations

import asyncio
import ssl
import struct
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from storage.embedded.errors import NotReady
from storage.embedded.sigv4 import S3Access, signed_headers

# Each of these servers answers in milliseconds; a busy machine may need much longer.
_TIMEOUT_S = 2.5


async def postgres(url: str) -> None:
    """SELECT 1, logged in."""
    try:
        connection = await asyncpg.connect(url, timeout=_TIMEOUT_S)
        try:
            await connection.fetchval("SELECT 1")
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(str(error)) from error


async def redis(url: str) -> None:
    """AUTH where the URL has a password, then PING."""
    parts = urlsplit(url)
    opening = (
        asyncio.open_unix_connection(parts.path)
        if parts.scheme == "unix"
        else asyncio.open_connection(
            parts.hostname, parts.port or 6379, ssl=parts.scheme == "rediss" or None
        )
    )
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await opening
        try:
            if parts.password:
                user = [unquote(parts.username)] if parts.username else []
                writer.write(_resp("AUTH", *user, unquote(parts.password)))
                await _expect(reader, b"+OK")
            writer.write(_resp("PING"))
            await _expect(reader, b"+PONG")
        finally:
            writer.close()
            await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})


def _resp(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n%s" % (len(encoded), b"".join(parts))


async def _expect(reader: asyncio.StreamReader, answer: bytes) -> None:
    line = (await reader.readline()).rstrip()
    if line != answer:
        raise NotReady(line.decode(errors="replace") or "it closed the connection")


async def s3(access: S3Access, bucket: str) -> None:
    """A signed listing of the bucket."""
    path, query = f"/{bucket}", {"list-type": "2", "max-keys": "1"}
    status = await asyncio.to_thread(_get, access.url, path, query, access)
    if status != 200:
        raise NotReady(f"listing the bucket {bucket} was answered with status {status}")


async def http(url: str, trust: ssl.SSLContext | None = None) -> None:
    """A GET answered with 2xx. `trust`: whom an https server's certificate must come from."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    status = await asyncio.to_thread(_get, origin, parts.path, {}, None, trust)
    if not 200 <= status < 300:
        raise NotReady(f"{url} was answered with status {status}")


def _get(
    origin: str,
    path: str,
    query: dict[str, str],
    access: S3Access | None = None,
    trust: ssl.SSLContext | None = None,
) -> int:
    """The status of a GET. Blocks for at most the probe's timeout."""
    parts = urlsplit(origin)
    assert parts.hostname is not None
    connection = (
        HTTPSConnection(parts.hostname, parts.port or 443, timeout=_TIMEOUT_S, context=trust)
        if parts.scheme == "https"
        else HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT_S)
    )
    target, headers = signed_headers(access, path, query) if access else (path or "/", {})
    try:
        connection.request("GET", target, headers=headers)
        return connection.getresponse().status
    except HTTPException as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()


async def file(path: Path) -> None:
    """A file our own processes make when they are ready (config/ready.py)."""
    if not path.exists():  # noqa: ASYNC240 - one stat of a local file
        raise NotReady("it has not said that it is ready")


# -- Ray: gRPC's health service, in as much of HTTP/2 as one call needs ---------------------------

_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_EMPTY_MESSAGE = b"\0\0\0\0\0"  # gRPC's length-prefixed empty protobuf
_SERVING = b"\0\0\0\0\2\x08\x01"  # HealthCheckResponse{status: SERVING}


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113 section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _headers(fields: dict[str, str]) -> bytes:
    """RFC 7541 section 6.2.2: literals without indexing; names and values under 127 bytes."""
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    return b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in pairs
    )


async def grpc(address: str) -> None:
    """grpc.health.v1.Health/Check says SERVING. Ray's GCS and raylet answer it without a token."""
    host, _, port = address.rpartition(":")
    fields = {
        ":method": "POST", ":scheme": "http", ":authority": "localhost",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(_HTTP2_PREFACE + _frame(_SETTINGS, 0, 0))
            writer.write(_frame(_HEADERS, _END_HEADERS, 1, _headers(fields)))
            writer.write(_frame(_DATA, _END_STREAM, 1, _EMPTY_MESSAGE))
            await _until_serving(reader)
        except asyncio.IncompleteReadError as error:
            raise NotReady("it closed the connection") from error
        finally:
            writer.close()
            await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})


async def _until_serving(reader: asyncio.StreamReader) -> None:
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags = head[3], head[4]
        if kind == _DATA and payload == _SERVING:
            return
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            raise NotReady("its health service does not say SERVING")


async def ray(gcs: str, raylet: str | None = None) -> None:
    """The cluster's head answers, and this node's raylet where its address is known."""
    await grpc(gcs)
    if raylet is not None:
        await grpc(raylet)
