"""The journal straight from PostgreSQL, opened by ourselves: the second witness beside the export.

Opens what is sealed as docs/deploy.md says it is, with nothing but the master key and
`cryptography`. Reads in one snapshot, through cursors, some thousand rows at a time.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.chaos.journal import Audit, Claim, End, Entity, Event, Line

_AT_ONCE = 2000
_SYSTEM = "system"
_CONNECT_S = 5.0


class Unreadable(Exception):
    """The database does not answer, or what it has cannot be opened."""


class Seal:
    """Opens events: AES-256-GCM under the service's data key, patients' parts under theirs.

    `keys`: scope -> its data key, wrapped by the master key; None: destroyed with its patient.
    """

    def __init__(self, master_key: str, keys: Mapping[str, bytes | None]) -> None:
        info = b"maxray master key: wrap data keys"
        derived = HKDF(SHA256(), length=32, salt=None, info=info).derive(master_key.encode())
        self._wrapping = AESGCM(derived)
        self._wrapped = keys
        self._keys: dict[str, bytes] = {}
        self._runs: dict[tuple[str, bytes], AESGCM] = {}

    def event(self, data: bytes, ref: str, version: int) -> Mapping[str, Any]:
        """The event of that entity at that version; of another it would not open."""
        place = f"event\n{ref}\n{version}".encode()
        try:
            text = data if data[:1] == b"{" else self._open(_SYSTEM, data, place)
            event: Mapping[str, Any] = json.loads(text)
            self._put_back(event, place)
        except (InvalidTag, KeyError, ValueError) as error:
            raise Unreadable(f"{ref} version {version} cannot be opened: {error!r}") from None
        return event

    def _open(self, scope: str, data: bytes, place: bytes) -> bytes:
        run = data[:25]
        if (scope, run) not in self._runs:
            key = hmac.digest(self._key(scope), b"maxray/1\nrun\n" + run, "sha256")
            self._runs[scope, run] = AESGCM(key)
        return self._runs[scope, run].decrypt(data[25:37], data[37:], place)

    def _key(self, scope: str) -> bytes:
        if scope not in self._keys:
            wrapped = self._wrapped[scope]
            assert wrapped is not None, "asked of those that are there"
            self._keys[scope] = self._wrapping.decrypt(wrapped[:12], wrapped[12:], scope.encode())
        return self._keys[scope]

    def _put_back(self, node: Any, place: bytes) -> None:
        """What is a patient's own; of one who was erased nobody knows the needs any more."""
        if isinstance(node, list):
            for value in node:
                self._put_back(value, place)
        if not isinstance(node, dict):
            return
        box = node.get("sealed")
        if isinstance(box, dict):
            del node["sealed"]
            if box["box"] and self._wrapped.get(box["of"]) is not None:
                node |= json.loads(self._open(box["of"], b64decode(box["box"]), place))
            elif "needs" in node:
                node["needs"] = []
        for value in node.values():
            self._put_back(value, place)


def read_database(url: str, master_key: str) -> Iterator[Line]:
    """The same lines as of an export. Raises Unreadable."""
    with asyncio.Runner() as runner:
        chunks = _chunks(url, master_key)
        try:
            while chunk := runner.run(_next(chunks)):
                yield from chunk
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unreadable(f"PostgreSQL: {error}") from None
        finally:
            runner.run(chunks.aclose())


async def _next(chunks: AsyncGenerator[list[Line], None]) -> list[Line]:
    return await anext(chunks, [])


async def _chunks(url: str, master_key: str) -> AsyncGenerator[list[Line], None]:
    """None of them empty."""
    connection = await asyncpg.connect(url, timeout=_CONNECT_S)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            keys = await connection.fetch("SELECT scope, wrapped FROM data_key")
            seal = Seal(master_key, {row["scope"]: row["wrapped"] for row in keys})
            events = 0
            for sql, read in _TABLES:
                cursor = await connection.cursor(sql)
                while rows := await cursor.fetch(_AT_ONCE):
                    chunk = [read(row, seal) for row in rows]
                    events += sum(isinstance(line, Event) for line in chunk)
                    yield chunk
            outbox, at = await connection.fetchrow(
                "SELECT count(*), extract(epoch FROM now())::float8 FROM outbox"
            )
            yield [End(events, at, outbox)]
    finally:
        connection.terminate()


def _event(row: asyncpg.Record, seal: Seal) -> Line:
    seq, ref, version, at, command, event = row
    return Event(seq, ref, version, at, command, seal.event(event, ref, version))


_TABLES: tuple[tuple[str, Callable[[asyncpg.Record, Seal], Line]], ...] = (
    ("SELECT seq, ref, version, at, command_id, event FROM journal ORDER BY seq", _event),
    (
        "SELECT ref, version FROM entity WHERE version > 0",
        lambda row, _: Entity(row["ref"], row["version"]),
    ),
    ("SELECT key, holder FROM claim", lambda row, _: Claim(row["key"], row["holder"])),
    (
        "SELECT writer, seq, prev, hash FROM audit ORDER BY writer, seq",
        lambda row, _: Audit(row["writer"], row["seq"], row["prev"].hex(), row["hash"].hex()),
    ),
)
