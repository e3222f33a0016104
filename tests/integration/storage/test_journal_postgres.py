"""The journal on PostgreSQL keeps the journal's contract, and what only a server can show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from actors.ports import (
    AnswerRow,
    ClaimRow,
    Commit,
    DuplicateCommands,
    EntityRow,
    Fenced,
    JournalRow,
    JournalUnavailable,
    Rejected,
)
from storage.journal_postgres import PostgresJournal
from tests.contracts.journal import JournalContract
from tests.contracts.journal.rows import NOW, SLOTS, A, B, answer, audit, entity, event, message
from tests.waiting import until


class Waiting:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def count(self) -> int:
        waiting: int = await self._connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        return waiting

    async def one(self) -> bool:
        return await self.count() == 1

    async def two(self) -> bool:
        return await self.count() == 2


class TestPostgresJournal(JournalContract):
    @pytest.fixture
    async def journal(self, database: str) -> AsyncIterator[PostgresJournal]:
        journal = PostgresJournal(database)
        await journal.open()
        yield journal
        await journal.close()

    @pytest.fixture
    async def second(self, database: str) -> AsyncIterator[PostgresJournal]:
        journal = PostgresJournal(database)
        yield journal
        await journal.close()

    @pytest.fixture
    async def server(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection past all of our code."""
        connection = await asyncpg.connect(database)
        yield connection
        await connection.close()

    @pytest.fixture
    async def waiting(self, database: str) -> AsyncIterator[Waiting]:
        """How many sessions wait for a lock; not in a transaction, where the answer is frozen."""
        connection = await asyncpg.connect(database)
        yield Waiting(connection)
        await connection.close()

    async def test_the_journal_keeps_its_id(
        self, journal: PostgresJournal, second: PostgresJournal
    ) -> None:
        assert len(await journal.journal_id()) == 36
        assert await journal.journal_id() == await second.journal_id()

    # ------------------------------------------------------------------ the fence, locked

    async def test_taking_a_slot_waits_for_the_commit_that_passed_the_fence(
        self,
        journal: PostgresJournal,
        second: PostgresJournal,
        server: asyncpg.Connection,
        waiting: Waiting,
        epochs: dict[int, int],
    ) -> None:
        # Somebody's open insert of the same claim holds the commit up behind the fence.
        transaction = server.transaction()
        await transaction.start()
        await server.execute("INSERT INTO claim VALUES ('k', 'x', 'account:x')")
        row = Commit(
            epochs,
            at=NOW,
            journal=[event(A, 1)],
            entities=[entity(A, 1)],
            claims=[ClaimRow("k", "h", A)],
        )
        commit = asyncio.create_task(journal.commit(row))
        await until(waiting.one)
        take = asyncio.create_task(second.take(SLOTS, "second"))
        await until(waiting.two)
        assert not take.done()
        await transaction.rollback()
        assert await commit > 0
        await take
        assert (await second.load([A]))[A].version == 1

    async def test_a_commit_that_meets_a_take_waits_and_is_fenced(
        self,
        journal: PostgresJournal,
        server: asyncpg.Connection,
        waiting: Waiting,
        epochs: dict[int, int],
    ) -> None:
        transaction = server.transaction()
        await transaction.start()
        await server.execute("UPDATE slot SET epoch = epoch + 1 WHERE id = $1", SLOTS[0])
        commit = asyncio.create_task(journal.commit(Commit(epochs, at=NOW, audit=[audit(1)])))
        await until(waiting.one)
        await transaction.commit()
        with pytest.raises(Fenced):
            await commit

    async def test_moving_the_watermark_does_not_wait_for_a_commit(
        self, journal: PostgresJournal, server: asyncpg.Connection, epochs: dict[int, int]
    ) -> None:
        transaction = server.transaction()
        await transaction.start()
        await server.execute("SELECT 1 FROM slot WHERE id = ANY ($1) FOR SHARE", SLOTS)
        async with asyncio.timeout(5):
            await journal.mark_published(epochs, 7)
        await transaction.rollback()
        assert await server.fetchval("SELECT min(seq) FROM watermark WHERE slot = ANY ($1)", SLOTS)

    # ------------------------------------------------------------------ failures

    @pytest.mark.parametrize(
        "bad",
        [
            Commit({}, answers=[AnswerRow(A, "c", b"f", 1 << 20, b"")]),
            Commit({}, answers=[answer(A, "surrogate \ud800")]),
            Commit({}, journal=[event(A, 0)], entities=[entity(A, 0)]),
            Commit({}, claims=[ClaimRow("x" * 3_000_000, "h", A)]),
        ],
        ids=["out of range", "not UTF-8", "a constraint", "too large"],
    )
    async def test_bad_rows_are_rejected_and_the_connection_goes_on(
        self, journal: PostgresJournal, epochs: dict[int, int], bad: Commit
    ) -> None:
        with pytest.raises(Rejected):
            await journal.commit(bad)
        await journal.commit(Commit(epochs, at=NOW, audit=[audit(1)]))

    async def test_a_lost_connection_in_a_commit_is_an_unknown_outcome_and_it_reconnects(
        self,
        journal: PostgresJournal,
        server: asyncpg.Connection,
        waiting: Waiting,
        epochs: dict[int, int],
    ) -> None:
        transaction = server.transaction()
        await transaction.start()
        await server.execute("INSERT INTO claim VALUES ('k', 'x', 'account:x')")
        row = Commit(epochs, at=NOW, answers=[answer(A, "c")], claims=[ClaimRow("k", "h", A)])
        commit = asyncio.create_task(journal.commit(row))
        await until(waiting.one)
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        with pytest.raises(JournalUnavailable):
            await commit
        await transaction.rollback()
        epochs = dict(await journal.take(SLOTS, "first", expect=epochs))
        await journal.commit(
            Commit(epochs, at=NOW, answers=[answer(A, "c")], claims=[ClaimRow("k", "h", A)])
        )
        with pytest.raises(DuplicateCommands):
            await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "c")]))

    async def test_readers_reconnect_too(
        self, journal: PostgresJournal, server: asyncpg.Connection
    ) -> None:
        await journal.check()
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'maxray-journal'"
        )

        async def reachable() -> bool:
            try:
                await journal.check()
            except JournalUnavailable:
                return False
            return True

        await until(reachable)

    async def test_without_a_server_it_is_unavailable(self) -> None:
        journal = PostgresJournal("postgresql://nobody@127.0.0.1:1/none")
        with pytest.raises(JournalUnavailable):
            await journal.open()
        with pytest.raises(JournalUnavailable):
            await journal.load([A])
        with pytest.raises(JournalUnavailable):
            await journal.commit(Commit({}))
        await journal.close()

    # ------------------------------------------------------------------ append-only

    @pytest.mark.parametrize("table", ["journal", "audit"])
    @pytest.mark.parametrize("change", ["UPDATE {} SET at = 0", "DELETE FROM {}", "TRUNCATE {}"])
    async def test_the_journal_and_the_audit_only_grow(
        self,
        journal: PostgresJournal,
        server: asyncpg.Connection,
        epochs: dict[int, int],
        table: str,
        change: str,
    ) -> None:
        await journal.commit(
            Commit(epochs, at=NOW, journal=[event(A, 1)], entities=[entity(A, 1)], audit=[audit(1)])
        )
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await server.execute(change.format(table))
        assert await server.fetchval(f"SELECT count(*) FROM {table} WHERE at >= {NOW}") == 1

    # ------------------------------------------------------------------ many at once

    async def test_two_owners_commit_side_by_side_without_waiting_for_each_other(
        self, journal: PostgresJournal, second: PostgresJournal
    ) -> None:
        ours = await journal.take(range(0, 128, 2), "even")
        theirs = await second.take(range(1, 128, 2), "odd")

        async def work(mine: PostgresJournal, epochs: dict[int, int], name: str) -> None:
            slot = min(epochs)
            for version in range(1, 31):
                ref = f"account:{name}"
                await mine.commit(
                    Commit(
                        epochs,
                        at=NOW,
                        journal=[JournalRow(ref, version, NOW, f"c{version}", b"{}", b"{}")],
                        entities=[EntityRow(ref, slot, version, None, b"{}")],
                        answers=[answer(ref, f"c{version}")],
                        outbox=[message(f"{name}{version}")],
                    )
                )
                await mine.mark_published(epochs, version)

        async with asyncio.timeout(20):
            await asyncio.gather(
                work(journal, dict(ours), "even"), work(second, dict(theirs), "odd")
            )
        records = await journal.load(["account:even", "account:odd", B])
        assert {ref: record.version for ref, record in records.items()} == {
            "account:even": 30,
            "account:odd": 30,
        }
