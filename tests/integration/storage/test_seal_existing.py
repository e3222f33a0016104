"""What an older version wrote clear is sealed in place, in as many goes as it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from actors.clock import SystemClock
from actors.domain.emergency.commands import CancelEmergency, RaiseEmergency, ViewEmergency
from actors.domain.kernel import EntityRef, Sender
from actors.domain.registry import KINDS
from actors.domain.values import Location
from actors.local import LocalCluster
from actors.ports import Journal, Outgoing
from actors.router import Router
from actors.shard import Shard
from storage import migrate
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.journal_postgres import PostgresJournal
from storage.journal_sealed import SealedJournal
from storage.records import Records
from storage.records.row import Filter
from storage.seal_existing import seal_existing

OPS = Sender("ops", "desk")
NOW = datetime(2026, 4, 10, tzinfo=UTC)
MARK = "unmistakable"
TABLES = ("patient", "doctor", "paramedic", "journal", "entity", "answer", "outbox")


class Nowhere:
    async def publish(self, batch: Sequence[Outgoing]) -> None:
        return


async def ask(journal: Journal, *asked: tuple[EntityRef, object]) -> list[bytes]:
    """What entities on this journal answer."""
    clock = SystemClock()
    cluster = LocalCluster(
        1,
        lambda index, transport, on_fenced: Shard(
            index, KINDS, journal, Nowhere(), transport, clock, uuid4().hex, on_fenced
        ),
    )
    await cluster.start()
    router = Router(cluster, clock)
    try:
        return [
            await router.read(ref, command, by=OPS, timeout_s=10.0)
            if isinstance(command, ViewEmergency)
            else await router.ask(ref, command, id=uuid4().hex, by=OPS, timeout_s=10.0)  # type: ignore[arg-type]  # commands, by the list's type also the query
            for ref, command in asked
        ]
    finally:
        await router.close()
        await cluster.stop()


@pytest.fixture
async def server(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres)
    await connection.execute("CREATE SCHEMA clear")
    await connection.execute("SET search_path TO clear")
    await migrate.run(f"{postgres}?search_path=clear")
    yield connection
    await connection.execute("DROP SCHEMA clear CASCADE")
    await connection.close()


@pytest.fixture
async def vault(postgres: str, server: asyncpg.Connection) -> AsyncIterator[Vault]:
    vault = Vault(PostgresKeyStore(f"{postgres}?search_path=clear"), MasterKeys("k" * 32))
    await vault.start()
    yield vault
    await vault.close()


async def clear_tables(server: asyncpg.Connection) -> list[str]:
    found = []
    for table in TABLES:
        for row in await server.fetch(f"SELECT t::text AS said FROM {table} t"):
            if MARK in row["said"] or MARK.encode().hex() in row["said"]:
                found.append(table)
                break
    return found


class CutOff(Exception):
    pass


async def test_it_is_all_sealed_in_place_and_reads_as_before(
    postgres: str, server: asyncpg.Connection, vault: Vault
) -> None:
    url = f"{postgres}?search_path=clear"
    patient, doctor = str(uuid4()), str(uuid4())
    await server.execute(
        "INSERT INTO patient (id, name, sex, phone, address, contacts, insurance, region, "
        "created_at, updated_at) VALUES ($1, $2, 'female', '+911', $2, $3, $4, 'r', $5, $5)",
        patient,
        f"Asha {MARK}",
        f'[{{"name":"{MARK}","relation":"x","phone":"+912"}}]',
        f'{{"provider":"{MARK}","policy_number":"7"}}',
        NOW,
    )
    await server.execute(
        "INSERT INTO doctor (id, name, specialties, registration_number, created_at, updated_at) "
        "VALUES ($1, $2, '{cardiology}', $2, $3, $3)",
        doctor,
        MARK,
        NOW,
    )
    old = PostgresJournal(url)
    await old.open()
    emergencies = [EntityRef("emergency", str(uuid4())) for _ in range(3)]
    for emergency in emergencies:
        call = RaiseEmergency(
            patient_id=patient, region="r", location=Location(1.0, 2.0), symptoms=(MARK,)
        )
        await ask(old, (emergency, call), (emergency, CancelEmergency(reason=MARK)))
    views = await ask(old, *((one, ViewEmergency()) for one in emergencies))
    facts = await old.history(str(emergencies[0]), 0, 10)
    await old.close()
    await server.execute(
        "INSERT INTO outbox VALUES ('m', 'a', 'nobody', 'x', 1, $1, 1.0, false)",
        f'{{"type":"Tell","note":"{MARK}"}}'.encode(),
    )
    assert set(await clear_tables(server)) >= {"patient", "doctor", "journal", "entity", "outbox"}

    def cut_off(what: str, done: int, total: int) -> None:
        if what == "entities":
            raise CutOff

    with pytest.raises(CutOff):
        await seal_existing(url, vault, cut_off)
    seen: dict[str, tuple[int, int]] = {}
    assert await seal_existing(url, vault, lambda *step: seen.update({step[0]: step[1:]})) > 0
    assert all(done == total for done, total in seen.values())
    assert await clear_tables(server) == []
    assert await seal_existing(url, vault, cut_off) == 0
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await server.execute("DELETE FROM journal")

    records = await Records.open(url, vault)
    (row,) = (await records.patients.list(Filter(name=MARK.upper(), phone="+911"), 10)).rows
    assert (row.id, row.name, row.address) == (patient, *[f"Asha {MARK}"] * 2)
    assert row.contacts[0].name == row.insurance.provider == MARK  # type: ignore[union-attr]  # it has one
    assert (await records.doctors.get(doctor)).registration_number == MARK
    await records.close()

    journal = SealedJournal(PostgresJournal(url), vault)
    await journal.open()
    assert await ask(journal, *((one, ViewEmergency()) for one in emergencies)) == views
    assert [row.publication for row in (await journal.history(str(emergencies[0]), 0, 10))[1]] == [
        row.publication for row in facts[1]
    ]
    await vault.destroy(patient)
    (left, *_) = await ask(journal, *((one, ViewEmergency()) for one in emergencies))
    shown = msgspec.json.decode(left)
    assert MARK not in str(shown) and shown["status"] == "cancelled"
    await journal.close()
