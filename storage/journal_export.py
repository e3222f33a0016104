"""The journal as a file for those who check it: ids, versions, times and steps, no health data.

What is written is listed here, by name; every other field of an event stays behind, also one that
a later version adds. Of entities that the checkers do not look into (doctors, consultations …) it
is the event's type and time only. What is left says who was sent where and when by ids: it is
nobody's name, and still nothing to leave lying about.

Lines of JSON, in this order:

    {"journal": "<its id>", "format": 1}
    {"seq": …, "ref": …, "version": …, "at": …, "command": …, "event": {"type": …, …}}   by seq
    {"entity": ref, "version": …}
    {"claim": key, "holder": …}
    {"audit": writer, "seq": …, "prev": hex, "hash": hex}                by writer and seq
    {"end": {"events": …, "at": …, "outbox": …}}

All of one snapshot, read through cursors: no journal is too long for memory. Where the last line is
missing the export was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from storage.audit.connection import CONNECT_TIMEOUT_S, LOST, why
from storage.encryption import EncryptionError, Vault
from storage.encryption.document import open_all
from storage.journal_sealed import event_context

FORMAT: Final = 1
# Rows a round trip: a few MB.
_PREFETCH: Final = 2000
_LOOKED_INTO: Final = frozenset({"dispatcher", "emergency", "paramedic"})
# None of them holds text that a person wrote, or a place.
_KEPT: Final = frozenset(
    {
        *("type", "id", "task", "from_task", "emergency", "unit", "region", "card"),
        *("status", "step", "phase", "outcome", "free", "held", "revision", "attempt", "tries"),
        *("slot", "priority", "override", "needs", "skills", "vehicle", "vehicles"),
        *("received_at", "raised_at", "offered_at", "accepted_at", "expires_at", "retry_at"),
        *("until", "at"),
        *("wish", "diverts", "accepted", "from_emergency", "from_slot", "into"),
    }
)
_EVENTS: Final = """
SELECT seq, ref, version, at, command_id, event FROM journal ORDER BY seq
"""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class ExportFailed(Exception):
    """The journal could not be read to its end. Says why, for the operator."""


async def export(
    url: str,
    vault: Vault,
    write: Callable[[bytes], object],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write all of it, a line (with its end) at a time; the number of events.

    `on_progress(done, total)` is called now and then, in events. Raises ExportFailed, and what
    `write` raises.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    except LOST as error:
        raise ExportFailed(why(error)) from error
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _Export(connection, vault, write).run(on_progress)
    except LOST as error:
        raise ExportFailed(why(error)) from error
    except EncryptionError as error:
        raise ExportFailed(str(error)) from error
    finally:
        connection.terminate()


class _Export:
    def __init__(
        self, connection: asyncpg.Connection, vault: Vault, write: Callable[[bytes], object]
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._write = write

    async def run(self, on_progress: Callable[[int, int], None]) -> int:
        fetch = self._connection.fetchval
        id_ = await fetch("SELECT value FROM maxray_meta WHERE key = 'journal_id'")
        total = int(await fetch("SELECT count(*) FROM journal"))
        self._line({"journal": id_, "format": FORMAT})
        done = 0
        cursor = await self._connection.cursor(_EVENTS)
        while rows := await cursor.fetch(_PREFETCH):
            await self._events(rows)
            done += len(rows)
            on_progress(done, total)
        await self._rows("SELECT ref AS entity, version FROM entity WHERE version > 0")
        await self._rows("SELECT key AS claim, holder FROM claim")
        await self._rows("SELECT writer AS audit, seq, prev, hash FROM audit ORDER BY writer, seq")
        at = await fetch("SELECT extract(epoch FROM now())::float8")
        outbox = await fetch("SELECT count(*) FROM outbox")
        self._line({"end": {"events": done, "at": at, "outbox": outbox}})
        return done

    async def _events(self, rows: Sequence[asyncpg.Record]) -> None:
        sealed = [(row["event"], event_context(row["ref"], row["version"])) for row in rows]
        for row, opened in zip(rows, await open_all(self._vault, sealed), strict=True):
            seq, ref, version, at, command_id, _ = row
            self._line(
                {
                    "seq": seq,
                    "ref": ref,
                    "version": version,
                    "at": at,
                    "command": command_id,
                    "event": told(ref.partition(":")[0], _decode(opened.text)),
                }
            )

    async def _rows(self, sql: str) -> None:
        cursor = await self._connection.cursor(sql)
        while rows := await cursor.fetch(_PREFETCH):
            for row in rows:
                self._line({name: _plain(value) for name, value in row.items()})

    def _line(self, line: dict[str, Any]) -> None:
        self._write(_encode(line) + b"\n")


def told(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    """What of an event of an entity of this kind is written."""
    if kind not in _LOOKED_INTO:
        return {"type": event["type"], "at": event.get("at")}
    kept: dict[str, Any] = _redacted(event)
    return kept


# The reasons that are the system's own words.
_WORDS: Final = frozenset({"cancelled", "closed", "merged"})


def _redacted(node: Any) -> Any:
    if isinstance(node, list):
        return [_redacted(value) for value in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _redacted(value) for name, value in node.items() if name in _KEPT}
    if node.get("reason") in _WORDS:
        kept["reason"] = node["reason"]
    if "skills" in node and "position" in node:
        kept["located"] = node["position"] is not None  # whether, not where
    return kept


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
