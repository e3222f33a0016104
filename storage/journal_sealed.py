"""The journal with everything that may hold identity or health sealed on its way to the database.

Wraps `PostgresJournal`: the runtime speaks clear text with this one, and what reaches the other is
sealed (encryption/document.py). Clear stay what the runtime orders and the audit checks by: refs,
versions, slots, times, command ids, statuses, claims, the audit's rows. A commit stays one round
trip: data keys are in memory, except at the first word of a patient whose key is not.

Associated data says what a text is and of what, so none can be put in another's place. A text that
cannot be opened (altered, or put elsewhere) stops nothing but what it is part of: it is handed on
as it is, and whoever decodes it refuses it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from msgspec import structs

from actors.ports import (
    AnswerRow,
    Commit,
    DuplicateCommands,
    JournalUnavailable,
    OutboxRow,
    Published,
    Record,
    Timer,
)
from storage.encryption import BadSeal, EncryptionError, Vault
from storage.encryption.document import Document, Opened, open_all, seal_all
from storage.encryption.envelope import sealed
from storage.journal_postgres import PostgresJournal

log = logging.getLogger(__name__)


def event_context(ref: str, version: int) -> bytes:
    return f"event\n{ref}\n{version}".encode()


def publication_context(ref: str, version: int) -> bytes:
    return f"publication\n{ref}\n{version}".encode()


def snapshot_context(ref: str, version: int) -> bytes:
    return f"snapshot\n{ref}\n{version}".encode()


def answer_context(ref: str, command_id: str) -> bytes:
    return f"answer\n{ref}\n{command_id}".encode()


def message_context(id_: str) -> bytes:
    return f"message\n{id_}".encode()


def _publications(rows: Sequence[Published]) -> list[tuple[bytes, bytes]]:
    return [(row.publication, publication_context(row.ref, row.version)) for row in rows]


class SealedJournal:
    """See above, and `actors.ports.Journal`. What keys are wanting for is JournalUnavailable."""

    def __init__(self, journal: PostgresJournal, vault: Vault) -> None:
        self._journal = journal
        self._vault = vault
        self._print_key = vault.digest("journal", "fingerprints")

    async def open(self) -> None:
        await self._journal.open()

    async def close(self) -> None:
        await self._journal.close()

    async def journal_id(self) -> str:
        return await self._journal.journal_id()

    # ------------------------------------------------------------------ sealed

    async def commit(self, commit: Commit) -> int:
        try:
            return await self._journal.commit(await self._sealed(commit))
        except DuplicateCommands as error:
            raise DuplicateCommands(await self._answers(commit, error.answers)) from None

    async def _sealed(self, commit: Commit) -> Commit:
        journal, answers, outbox = commit.journal, commit.answers, commit.outbox
        published = [row for row in journal if row.publication is not None]
        stored = [row for row in commit.entities if row.snapshot is not None]
        documents = [
            *(Document(r.event, event_context(r.ref, r.version), r.patient) for r in journal),
            *(
                Document(r.publication or b"", publication_context(r.ref, r.version), r.patient)
                for r in published
            ),
            *(Document(r.snapshot or b"", snapshot_context(r.ref, r.version)) for r in stored),
            *(Document(r.body, answer_context(r.ref, r.command_id), r.patient) for r in answers),
            *(Document(r.body, message_context(r.id), r.patient) for r in outbox),
        ]
        try:
            texts = iter(await seal_all(self._vault, documents))
        except EncryptionError as error:
            raise JournalUnavailable(str(error)) from error
        events = [next(texts) for _ in journal]
        publications = [next(texts) if r.publication is not None else None for r in journal]
        snapshots = [next(texts) if r.snapshot is not None else None for r in commit.entities]
        rows = zip(journal, events, publications, strict=True)
        return structs.replace(
            commit,
            journal=[structs.replace(r, event=e, publication=p) for r, e, p in rows],
            entities=[
                structs.replace(r, snapshot=s)
                for r, s in zip(commit.entities, snapshots, strict=True)
            ],
            answers=[
                structs.replace(r, fingerprint=self._print(r), body=next(texts)) for r in answers
            ],
            outbox=[structs.replace(r, body=next(texts)) for r in outbox],
        )

    def _print(self, row: AnswerRow) -> bytes:
        """A command's fingerprint as it is stored: who has the database cannot try commands."""
        return blake2b(row.fingerprint, digest_size=8, key=self._print_key).digest()

    async def _answers(
        self, commit: Commit, found: Mapping[tuple[str, str], AnswerRow]
    ) -> dict[tuple[str, str], AnswerRow]:
        """The stored answers, with the fingerprints that the runtime knows."""
        mine = {(row.ref, row.command_id): row for row in commit.answers}
        bodies = await self._open(
            [(row.body, answer_context(row.ref, row.command_id)) for row in found.values()]
        )
        answers = {}
        for (key, row), body in zip(found.items(), bodies, strict=True):
            own = mine[key]
            same = row.fingerprint in (self._print(own), own.fingerprint)  # the last: stored clear
            answers[key] = structs.replace(
                row, body=body.text, fingerprint=own.fingerprint if same else row.fingerprint
            )
        return answers

    async def load(self, refs: Sequence[str]) -> Mapping[str, Record]:
        records = await self._journal.load(refs)
        texts: list[tuple[bytes, bytes]] = []
        for ref, record in records.items():
            begun = record.version - len(record.tail)
            if record.snapshot is not None:
                texts.append((record.snapshot, snapshot_context(ref, begun)))
            texts += (
                (event, event_context(ref, version))
                for version, event in enumerate(record.tail, begun + 1)
            )
        clear = iter(await self._open_or_leave(texts))
        return {
            ref: Record(
                record.version,
                None if record.snapshot is None else next(clear).text,
                tuple(next(clear).text for _ in record.tail),
            )
            for ref, record in records.items()
        }

    async def undelivered(
        self, slots: Sequence[int], before: float, limit: int, skip: Collection[str] = ()
    ) -> Sequence[OutboxRow]:
        rows = await self._journal.undelivered(slots, before, limit, skip)
        bodies = await self._open_or_leave([(row.body, message_context(row.id)) for row in rows])
        return [
            structs.replace(row, body=body.text) for row, body in zip(rows, bodies, strict=True)
        ]

    async def unpublished(self, slots: Sequence[int], limit: int) -> Sequence[Published]:
        rows = await self._journal.unpublished(slots, limit)
        opened = await self._open_or_leave(_publications(rows))
        # One that cannot be opened is left out: a hole in its channel, not the end of all.
        return [
            structs.replace(row, publication=one.text, patient=one.patient)
            for row, one in zip(rows, opened, strict=True)
            if not sealed(one.text)
        ]

    async def history(self, ref: str, since: int, limit: int) -> tuple[int, Sequence[Published]]:
        top, rows = await self._journal.history(ref, since, limit)
        opened = await self._open(_publications(rows))
        return top, [
            structs.replace(row, publication=one.text, patient=one.patient)
            for row, one in zip(rows, opened, strict=True)
        ]

    async def _open(self, texts: Sequence[tuple[bytes, bytes]]) -> list[Opened]:
        try:
            return await open_all(self._vault, texts)
        except EncryptionError as error:
            raise JournalUnavailable(str(error)) from error

    async def _open_or_leave(self, texts: Sequence[tuple[bytes, bytes]]) -> list[Opened]:
        """Each opened, or as it is where that cannot be done."""
        try:
            return await self._open(texts)
        except JournalUnavailable as error:
            if not isinstance(error.__cause__, BadSeal):
                raise
        found: list[Opened] = []
        for text in texts:
            try:
                found += await self._open([text])
            except JournalUnavailable as error:
                if not isinstance(error.__cause__, BadSeal):
                    raise
                log.error("a stored text cannot be opened: %s", error)
                found.append(Opened(text[0]))
        return found

    # ------------------------------------------------------------------ as it is

    async def take(
        self, slots: Sequence[int], owner: str, expect: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        return await self._journal.take(slots, owner, expect)

    async def timers(self, slots: Sequence[int]) -> Sequence[Timer]:
        return await self._journal.timers(slots)

    async def mark_published(self, epochs: Mapping[int, int], seq: int) -> None:
        await self._journal.mark_published(epochs, seq)

    async def prune(self, slots: Sequence[int], before: float) -> int:
        return await self._journal.prune(slots, before)

    async def check(self, epochs: Mapping[int, int] | None = None) -> None:
        await self._journal.check(epochs)
