"""Seals in place what versions before encryption at rest wrote clear; `maxray migrate` does it.

Resumable: what is sealed shows it (encryption/envelope.py), so a second go finds the rest. Each
person's row, each entity with its journal and each page of messages is one transaction. Whose an
event is follows from the entity's earlier ones, so each entity is folded once from its beginning.

The tables are written anew at the end, for a row that was replaced stays in its table's file until
then. What PostgreSQL's log (WAL), its archive and old backups hold is beyond this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import asyncpg

from actors.domain.registry import KINDS
from actors.entity import codec
from storage.encryption import Vault
from storage.encryption.document import Document, open_all, seal_all
from storage.encryption.envelope import sealed
from storage.journal_sealed import (
    answer_context,
    event_context,
    message_context,
    publication_context,
    snapshot_context,
)
from storage.records import patients, staff
from storage.records.sealing import RowSealer

PAGE: Final = 500

Progress = Callable[[str, int, int], None]
"""Called with what is being sealed, how much of it is done, and how much there was at the start."""

# 0xE1 is encryption.envelope.LAYOUT. A substring, for of an empty text there is no first byte.
_CLEAR: Final = r"substring({} FROM 1 FOR 1) <> '\xe1'::bytea"

_ENTITIES: Final = f"""
SELECT e.ref FROM entity e WHERE e.ref > $1 AND ({_CLEAR.format("e.snapshot")} OR EXISTS (
    SELECT FROM journal j WHERE j.ref = e.ref AND {_CLEAR.format("j.event")}
)) ORDER BY e.ref LIMIT $2
"""  # noqa: S608 — made of constants
_EVENTS: Final = "SELECT version, event, publication FROM journal WHERE ref = $1 ORDER BY version"
_WRITE_EVENTS: Final = """
UPDATE journal SET event = r.event, publication = r.publication
FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS r (version, event, publication)
WHERE journal.ref = $1 AND journal.version = r.version
"""
# Once all is sealed nobody needs to look again, which takes a while in a long journal.
_IS_DONE: Final = "SELECT true FROM maxray_meta WHERE key = 'sealed'"
_DONE: Final = "INSERT INTO maxray_meta VALUES ('sealed', 'all') ON CONFLICT DO NOTHING"
_TABLES: Final = ("patient", "doctor", "paramedic", "journal", "entity", "answer", "outbox")


async def seal_existing(database_url: str, vault: Vault, progress: Progress) -> int:
    """How many rows and entities were sealed. Raises what asyncpg raises, and EncryptionError."""
    connection = await asyncpg.connect(database_url)
    try:
        if await connection.fetchval(_IS_DONE):
            return 0
        work = _Work(connection, vault, progress)
        done = await work.people("patient")
        done += await work.people("doctor")
        done += await work.people("paramedic")
        done += await work.entities()
        done += await work.texts("answer", ("ref", "command_id"), answer_context)
        done += await work.texts("outbox", ("id",), message_context)
        if done:
            for n, table in enumerate(_TABLES):
                progress("tables written anew", n, len(_TABLES))
                await connection.execute(f"VACUUM (FULL) {table}")
            progress("tables written anew", len(_TABLES), len(_TABLES))
        await connection.execute(_DONE)
        return done
    finally:
        await connection.close()


class _Work:
    def __init__(self, connection: asyncpg.Connection, vault: Vault, progress: Progress) -> None:
        self._connection = connection
        self._vault = vault
        self._progress = progress

    async def people(self, table: str) -> int:
        """Rows of a table of people."""
        where = "sealed IS NULL" + (" AND erased_at IS NULL" if table == "patient" else "")
        total = await self._count(table, where)
        sealer, done = RowSealer(self._vault, table), 0
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY id LIMIT {PAGE} FOR UPDATE"  # noqa: S608 — constants
        while done < total or not total:
            async with self._connection.transaction():
                rows = await self._connection.fetch(query)
                for row in rows:
                    await self._person(table, dict(row), sealer)
            done += len(rows)
            if not rows:
                break
            self._progress(f"{table}s", done, max(total, done))
        return done

    async def _person(self, table: str, values: dict[str, Any], sealer: RowSealer) -> None:
        id_ = str(values["id"])
        if table == "patient":
            await sealer.prepare(id_)
            columns = patients.sealed_columns(id_, patients.clear_identity(values), sealer)
            columns |= dict.fromkeys(patients.Identity.__struct_fields__)
        else:
            own = {name: values[name] for name in staff.SEALED & values.keys()}
            columns = staff.sealed_columns(id_, staff.Identity(**own), sealer)
            columns |= dict.fromkeys(own)
        names = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        await self._connection.execute(
            f"UPDATE {table} SET {names} WHERE id = $1",  # noqa: S608 — names of columns
            values["id"],
            *columns.values(),
        )

    async def entities(self) -> int:
        """Journals and snapshots."""
        total = await self._count("entity", "true")
        done, last = 0, ""
        while refs := await self._connection.fetch(_ENTITIES, last, PAGE):
            for (ref,) in refs:
                async with self._connection.transaction():
                    await self._entity(ref)
            last, done = refs[-1]["ref"], done + len(refs)
            self._progress("entities", done, max(total, done))
        return done

    async def _entity(self, ref: str) -> None:
        entity = await self._connection.fetchrow(
            "SELECT snapshot, snapshot_version FROM entity WHERE ref = $1 FOR UPDATE", ref
        )
        if entity["snapshot"] is not None and not sealed(entity["snapshot"]):
            context = snapshot_context(ref, entity["snapshot_version"])
            (snapshot,) = await seal_all(self._vault, [Document(entity["snapshot"], context)])
            await self._connection.execute(
                "UPDATE entity SET snapshot = $2 WHERE ref = $1", ref, snapshot
            )
        # Undone with the transaction, and seen by nobody else: others wait for the lock.
        await self._connection.execute("ALTER TABLE journal DISABLE TRIGGER journal_append_only")
        fold, page = _Fold(ref), []
        cursor = await self._connection.cursor(_EVENTS, ref)
        while page := await cursor.fetch(PAGE):
            await self._events(ref, page, fold)
        # The cursor holds the table until its portal is closed.
        del cursor
        await self._connection.execute("CLOSE ALL")
        await self._connection.execute("ALTER TABLE journal ENABLE TRIGGER journal_append_only")

    async def _events(self, ref: str, page: Sequence[asyncpg.Record], fold: _Fold) -> None:
        opened = await open_all(
            self._vault, [(row["event"], event_context(ref, row["version"])) for row in page]
        )
        documents: list[Document] = []
        for row, one in zip(page, opened, strict=True):
            patient, version = fold.concerned(one.text), row["version"]
            if not sealed(row["event"]):
                documents.append(Document(one.text, event_context(ref, version), patient))
                if row["publication"] is not None:
                    context = publication_context(ref, version)
                    documents.append(Document(row["publication"], context, patient))
        texts = iter(await seal_all(self._vault, documents))
        clear = [row for row in page if not sealed(row["event"])]
        pairs = [
            (next(texts), None if row["publication"] is None else next(texts)) for row in clear
        ]
        await self._connection.execute(
            _WRITE_EVENTS,
            ref,
            [row["version"] for row in clear],
            [event for event, _ in pairs],
            [publication for _, publication in pairs],
        )

    async def texts(self, table: str, key: tuple[str, ...], context: Callable[..., bytes]) -> int:
        """Bodies of a table of messages or answers, under the SYSTEM key and their patients'."""
        clear = _CLEAR.format("body")
        total = await self._count(table, clear)
        columns = ", ".join(key)
        query = f"SELECT {columns}, body FROM {table} WHERE {clear} LIMIT {PAGE} FOR UPDATE"  # noqa: S608 — names of columns
        write = f"UPDATE {table} SET body = $1 WHERE " + " AND ".join(  # noqa: S608 — names of columns
            f"{name} = ${n}" for n, name in enumerate(key, 2)
        )
        done = 0
        while True:
            async with self._connection.transaction():
                rows = await self._connection.fetch(query)
                bodies = await seal_all(
                    self._vault,
                    [Document(row["body"], context(*_values(row, key))) for row in rows],
                )
                await self._connection.executemany(
                    write,
                    [(body, *_values(r, key)) for r, body in zip(rows, bodies, strict=True)],
                )
            if not rows:
                return done
            done += len(rows)
            self._progress(f"{table} texts", done, max(total, done))

    async def _count(self, table: str, where: str) -> int:
        count: int = await self._connection.fetchval(
            f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608 — constants above
        )
        return count


def _values(row: asyncpg.Record, key: Iterable[str]) -> list[str]:
    return [row[name] for name in key]


class _Fold:
    """Follows an entity's events, to say of each whom it concerns."""

    def __init__(self, ref: str) -> None:
        kind, _, id_ = ref.partition(":")
        self._behaviour = KINDS.get(kind)
        self._ref = ref
        self._state = None if self._behaviour is None else self._behaviour.initial(id_)

    def concerned(self, text: bytes) -> str | None:
        """The patient whom the next event concerns."""
        behaviour = self._behaviour
        if behaviour is None:
            return None
        event, before = codec(behaviour).event.decode(text), self._state
        self._state = behaviour.apply(before, event)
        return behaviour.concerns(before, event, self._state)
