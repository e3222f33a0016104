"""The sealed journal keeps the journal's contract, and nothing clear gets to the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest

from actors.ports import (
    AnswerRow,
    Commit,
    DuplicateCommands,
    EntityRow,
    JournalRow,
    JournalUnavailable,
    OutboxRow,
)
from storage import migrate
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.encryption.envelope import sealed
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from tests.contracts.journal import JournalContract
from tests.contracts.journal.rows import NOW, SLOT_A, SLOTS, A, B, answer, entity, event

MASTER = "0123456789abcdef0123456789abcdef"
_number = count(1)


class TestSealedJournal(JournalContract):
    @pytest.fixture
    async def server(self, postgres: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection past all of our code, to new tables."""
        connection = await asyncpg.connect(postgres)
        schema = f"sealed_{next(_number)}"
        await connection.execute(f"CREATE SCHEMA {schema}")
        await connection.execute(f"SET search_path TO {schema}")
        await migrate.run(f"{postgres}?search_path={schema}")
        yield connection
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()

    @pytest.fixture
    async def url(self, postgres: str, server: asyncpg.Connection) -> str:
        return f"{postgres}?search_path={await server.fetchval('SELECT current_schema()')}"

    @pytest.fixture
    async def vault(self, url: str) -> AsyncIterator[Vault]:
        vault = Vault(PostgresKeyStore(url), MasterKeys(MASTER))
        await vault.start()
        yield vault
        await vault.close()

    @pytest.fixture
    async def journal(self, url: str, vault: Vault) -> AsyncIterator[SealedJournal]:
        journal = SealedJournal(PostgresJournal(url), vault)
        await journal.open()
        yield journal
        await journal.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[SealedJournal]:
        """Another process's: its data keys are its own."""
        vault = Vault(PostgresKeyStore(url), MasterKeys(MASTER))
        await vault.start()
        journal = SealedJournal(PostgresJournal(url), vault)
        yield journal
        await journal.close()
        await vault.close()

    async def test_nothing_clear_gets_to_the_database_and_another_process_reads_it_all(
        self,
        journal: SealedJournal,
        second: SealedJournal,
        server: asyncpg.Connection,
        epochs: dict[int, int],
    ) -> None:
        text = b'{"patient_id":"ann","symptoms":["chest pain"],"more":"chest pain"}'
        reason = b'{"reason":"chest pain"}'
        commit = Commit(
            epochs,
            at=NOW,
            journal=[JournalRow(A, 1, NOW, "c1", text, reason, "ann")],
            entities=[EntityRow(A, SLOT_A, 1, None, text)],
            answers=[AnswerRow(A, "c1", b"print---", 0, reason, "ann")],
            outbox=[OutboxRow("m", A, "account", "b", SLOTS[1], text, NOW, False)],
        )
        await journal.commit(commit)
        for table in ("journal", "entity", "answer", "outbox"):
            (row,) = await server.fetch(f"SELECT t::text AS all FROM {table} t")
            assert b"chest pain".hex() not in row["all"] and "chest" not in row["all"]
        assert await server.fetchval("SELECT fingerprint FROM answer") != b"print---"

        record = (await second.load([A]))[A]
        assert record.snapshot == text
        assert (await second.undelivered(SLOTS, NOW, 10))[0].body == text
        (published,) = await second.unpublished(SLOTS, 10)
        assert (published.publication, published.patient) == (reason, "ann")
        with pytest.raises(DuplicateCommands) as duplicate:
            await second.commit(commit)
        found = duplicate.value.answers[A, "c1"]
        assert (found.body, found.fingerprint) == (reason, b"print---")

    async def test_another_command_under_the_same_id_is_still_told_apart(
        self, journal: SealedJournal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "c1")]))
        other = AnswerRow(A, "c1", b"another-", 0, b"2")
        with pytest.raises(DuplicateCommands) as duplicate:
            await journal.commit(Commit(epochs, at=NOW, answers=[other]))
        assert duplicate.value.answers[A, "c1"].fingerprint not in (b"another-", b"print---")

    async def test_a_text_put_in_anothers_place_is_not_opened_and_harms_no_other(
        self, journal: SealedJournal, server: asyncpg.Connection, epochs: dict[int, int]
    ) -> None:
        commit = Commit(
            epochs,
            at=NOW,
            journal=[event(A, 1), event(B, 1)],
            entities=[entity(A, 1, snapshot=b"1"), entity(B, 1, snapshot=b"2")],
        )
        await journal.commit(commit)
        await server.execute(
            "UPDATE entity SET snapshot = (SELECT snapshot FROM entity WHERE ref = $1)", B
        )
        records = await journal.load([A, B])
        assert records[B].snapshot == b"2"
        assert sealed(records[A].snapshot or b"")  # as it lies there: no decoder takes it

        await server.execute("ALTER TABLE journal DISABLE TRIGGER journal_append_only")
        await server.execute(
            "UPDATE journal SET publication = (SELECT publication FROM journal WHERE ref = $1)", B
        )
        assert [row.ref for row in await journal.unpublished(SLOTS, 10)] == [B]
        with pytest.raises(JournalUnavailable, match="sealed for another place"):
            await journal.history(A, 0, 10)
