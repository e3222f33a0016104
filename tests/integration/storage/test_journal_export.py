"""An export of a sealed journal: what the checker reads straight from PostgreSQL, redacted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import msgspec
import pytest

from actors.placement import slot_of
from actors.ports import Commit, EntityRow, JournalRow
from storage import migrate
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.journal_export import ExportFailed, export, told
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from tests.chaos.database import Unreadable, read_database
from tests.chaos.journal import End, Event, Line, read

MASTER = "0123456789abcdef0123456789abcdef"
DISPATCHER = "dispatcher:city"
_number = count(1)


@pytest.fixture
async def url(postgres: str) -> AsyncIterator[str]:
    """New tables."""
    connection = await asyncpg.connect(postgres)
    schema = f"export_{next(_number)}"
    await connection.execute(f"CREATE SCHEMA {schema}")
    found = f"{postgres}?search_path={schema}"
    await migrate.run(found)
    yield found
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


@pytest.fixture
async def vault(url: str) -> AsyncIterator[Vault]:
    vault = Vault(PostgresKeyStore(url), MasterKeys(MASTER))
    await vault.start()
    yield vault
    await vault.close()


def queued(patient: str, emergency: str) -> bytes:
    card = {
        "emergency": emergency,
        "patient_id": patient,
        "priority": 2,
        "needs": ["als"],
        "symptoms": ["chest pain"],
        "address": "4 Mission St",
        "raised_at": 1.0,
    }
    return msgspec.json.encode({"type": "EmergencyQueued", "at": 1.0, "card": card})


@pytest.fixture
async def written(url: str, vault: Vault) -> None:
    """Two emergencies at a dispatcher, of ann and of bob, who was erased since."""
    journal = SealedJournal(PostgresJournal(url), vault)
    await journal.open()
    slot = slot_of("dispatcher", "city")
    epochs = await journal.take([slot], "test")
    events = [queued("ann", "e1"), queued("bob", "e2")]
    await journal.commit(
        Commit(
            epochs,
            at=1.0,
            journal=[
                JournalRow(DISPATCHER, version, 1.0, f"c{version}", event, None, None)
                for version, event in enumerate(events, 1)
            ],
            entities=[EntityRow(DISPATCHER, slot, len(events), None, None)],
        )
    )
    await journal.close()
    await vault.destroy("bob")


async def exported(url: str, vault: Vault) -> bytes:
    text = bytearray()
    await export(url, vault, text.extend)
    return bytes(text)


def lines(text: bytes) -> list[Line]:
    return list(read(text.decode().splitlines()))


@pytest.mark.usefixtures("written")
async def test_it_says_what_the_database_says_but_nothing_of_patients(
    url: str, vault: Vault
) -> None:
    text = await exported(url, vault)
    assert not any(word in text for word in (b"chest", b"Mission", b"ann", b"bob"))
    straight = await asyncio.to_thread(list, read_database(url, MASTER))
    found = lines(text)
    assert len(found) == len(straight) == 4
    for one, other in zip(found, straight, strict=True):
        if isinstance(one, Event) and isinstance(other, Event):
            assert one.event == told("dispatcher", dict(other.event))
            assert (one.seq, one.ref, one.version) == (other.seq, other.ref, other.version)
        elif not isinstance(one, End):
            assert one == other
    needs = [line.event["card"]["needs"] for line in found if isinstance(line, Event)]
    assert needs == [["als"], []]


@pytest.mark.usefixtures("written")
async def test_with_another_master_key_the_checker_says_that_it_cannot_read(url: str) -> None:
    with pytest.raises(Unreadable):
        await asyncio.to_thread(list, read_database(url, MASTER[::-1]))


async def test_a_database_that_is_not_there_is_said(vault: Vault) -> None:
    with pytest.raises(ExportFailed, match="out of reach"):
        await exported("postgresql://nobody@127.0.0.1:1/none", vault)
