"""The whole way of a letter: sealed into PostgreSQL with its transaction, and out to a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from actors.clock import SystemClock
from config import Settings
from storage import migrate
from storage.encryption import MasterKeys, Vault
from storage.encryption.key_store_postgres import PostgresKeyStore
from storage.mail import PostgresMailOutbox
from tests.letters import LINK, letters, text_of
from tests.waiting import until
from web.mail.deliverer import Deliverer
from web.mail.letter import VerifyEmail
from web.mail.mailer import Mailer
from web.mail.outgoing import FOLDER, transport_of

SCHEMA = "mail_whole"
TO = "planted-address@example.org"


async def test_a_letter_lies_sealed_and_arrives_whole(postgres: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    url = f"{postgres}?search_path={SCHEMA}"
    await migrate.run(url)
    vault = Vault(PostgresKeyStore(url), MasterKeys("0123456789abcdef" * 4))
    await vault.start()
    outbox = await PostgresMailOutbox.open(url)
    settings, clock = Settings(data=tmp_path), SystemClock()
    mailer = Mailer(outbox, vault, settings.mail_from, clock)
    ids = [await mailer.queue(TO, VerifyEmail(link=LINK, valid_s=600)) for _ in range(12)]
    # Everything that PostgreSQL would show of it, bytes included.
    shown = await connection.fetchval(
        f"SELECT string_agg(mail::text || encode(sealed, 'escape'), '') FROM {SCHEMA}.mail"
    )
    assert "verify_email" in shown
    assert "planted" not in shown
    assert "verify=abc" not in shown

    senders = [Deliverer(outbox, vault, transport_of(settings), clock) for _ in range(3)]
    for sender in senders:
        sender.start()

    async def all_sent() -> bool:
        return (await outbox.counts()).queued == 0

    await until(all_sent)
    await asyncio.gather(*(sender.stop() for sender in senders))
    found = await asyncio.to_thread(letters, tmp_path / FOLDER)
    assert {message["Message-ID"] for message in found} == {f"<{id_}@localhost>" for id_ in ids}
    assert {message["To"] for message in found} == {TO}
    assert all(LINK in text_of(message) for message in found)
    kept = await connection.fetchval(
        f"SELECT count(*) FROM {SCHEMA}.mail WHERE state = 'sent' AND sealed IS NULL"
    )
    assert kept == len(ids)
    await outbox.close()
    await vault.close()
    await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await connection.close()
