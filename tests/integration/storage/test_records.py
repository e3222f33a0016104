"""Records on a real server: what the API's tests do not see from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from actors.domain.ids import derive_id
from actors.domain.kernel import EntityRef, Sender
from actors.domain.paramedic.commands import ViewParamedic
from actors.ports import OutboxRow
from storage import migrate
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from storage.records import KeyReused, NoSuchRecord, Records, RecordsUnavailable
from storage.records.database import POOL_SIZE, Database
from storage.records.idempotency import fingerprint
from storage.records.outbox import message
from storage.records.row import Filter, ParamedicRow

NOW = datetime(2026, 4, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
async def url(postgres: str) -> AsyncIterator[str]:
    connection = await asyncpg.connect(postgres)
    await connection.execute("CREATE SCHEMA records")
    url = f"{postgres}?search_path=records"
    await migrate.run(url)
    yield url
    await connection.execute("DROP SCHEMA records CASCADE")
    await connection.close()


@pytest.fixture
async def vault(url: str) -> AsyncIterator[Vault]:
    vault = Vault(PostgresKeyStore(url), MasterKeys("0123456789abcdef0123456789abcdef"))
    await vault.start()
    yield vault
    await vault.close()


@pytest.fixture
async def records(url: str, vault: Vault) -> AsyncIterator[Records]:
    records = await Records.open(url, vault)
    yield records
    await records.close()


def unit(command_id: str) -> ParamedicRow:
    return ParamedicRow(
        id=derive_id(NOW.timestamp(), command_id, "paramedic"),
        name="Unit 7",
        skills=("als",),
        vehicle="ambulance",
        registration_number=None,
        phone=None,
        region="blr",
        created_at=NOW,
        updated_at=NOW,
    )


def told(paramedic_id: str, command_id: str = "told") -> OutboxRow:
    ref = EntityRef("paramedic", paramedic_id)
    return message(ref, ViewParamedic(), command_id, Sender("ops", "desk"), NOW.timestamp())


async def test_a_profile_and_its_message_are_written_together_or_not_at_all(
    records: Records, url: str, vault: Vault
) -> None:
    row = unit("together")
    created, sent = await records.paramedics.create(row, "together", b"print", told)
    assert created == row.id and await records.paramedics.get(row.id) == row
    journal = SealedJournal(PostgresJournal(url), vault)
    await journal.open()
    waiting = await journal.undelivered([sent.slot], NOW.timestamp() + 1, 10)
    assert sent in waiting
    await journal.close()

    def broken(_: str) -> OutboxRow:
        raise ZeroDivisionError

    other = unit("not at all")
    with pytest.raises(ZeroDivisionError):
        await records.paramedics.create(other, "not at all", b"print", broken)
    with pytest.raises(NoSuchRecord):
        await records.paramedics.get(other.id)
    # The command id was not used up either.
    created, _ = await records.paramedics.create(other, "not at all", b"another", told)
    assert created == other.id


async def test_a_key_is_forgotten_when_it_is_old_and_no_sooner(records: Records) -> None:
    row = unit("aging")
    await records.paramedics.create(row, "aging", b"one", told)
    await records.prune(NOW)
    with pytest.raises(KeyReused):
        await records.paramedics.create(row, "aging", b"two", told)
    await records.prune(NOW + timedelta(seconds=1))
    later = unit("aging again")
    created, _ = await records.paramedics.create(later, "aging", b"two", told)
    assert created == later.id


def test_equal_bodies_of_different_commands_leave_different_prints() -> None:
    assert fingerprint("a", b"body") == fingerprint("a", b"body")
    assert fingerprint("a", b"body") != fingerprint("b", b"body")


async def test_connections_lost_inside_transactions_come_back_to_the_pool(url: str) -> None:
    database = Database(url)
    await database.open()
    killer = await asyncpg.connect(url)
    for _ in range(POOL_SIZE + 1):
        with pytest.raises(RecordsUnavailable):
            async with database.transaction():
                running = database.engine.current_transaction.get()
                assert running is not None
                pid = running.connection.get_server_pid()
                await killer.execute("SELECT pg_terminate_backend($1, 5000)", pid)
                await running.connection.fetch("SELECT 1")
    await database.check()
    await killer.close()
    await database.close()


async def test_two_records_in_one_process_do_not_mix(records: Records, vault: Vault) -> None:
    nowhere = await Records.open("postgresql://maxray@127.0.0.1:1/none", vault)
    with pytest.raises(RecordsUnavailable):
        await nowhere.check()
    with pytest.raises(RecordsUnavailable):
        await nowhere.paramedics.list(Filter(), 1)
    await records.check()
    await records.paramedics.list(Filter(), 1)
    await nowhere.close()


async def test_closed_records_say_so(url: str, vault: Vault) -> None:
    records = await Records.open(url, vault)
    await records.close()
    with pytest.raises(RecordsUnavailable):
        await records.check()
    with pytest.raises(RecordsUnavailable):
        await records.paramedics.create(unit("closed"), "closed", b"print", told)
