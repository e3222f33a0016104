"""Accounts through the REST door, on real tables and a real Redis, in time that tests move."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from actors.clock import ManualClock
from config import Secret
from storage import migrate
from storage.audit import MemoryAuditTrail
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.mail import PostgresMailOutbox
from storage.records import Records
from storage.relationships import Relationships
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.web.accounts.mailbox import Mailbox
from tests.integration.web.accounts.stage import Stage
from tests.integration.web.conftest import MASTER_KEY, SECRET, Stack
from web.access.family.letter import FamilyLetters
from web.accounts.password import Cost
from web.accounts.service import Accounts, Needs, opened
from web.accounts.throttle_fallback import FallbackThrottle
from web.accounts.throttle_redis import RedisThrottle
from web.app import create_app
from web.mail.mailer import Mailer
from web.mail.request import LetterWriters

SCHEMA = "accounts"
PUBLIC_URL = "https://care.example.org"
# Real argon2id, at what it takes at least: the tests hash hundreds of passwords.
CHEAP = Cost(memory_kib=64, passes=1)


@pytest.fixture(scope="session")
async def accounts_redis() -> AsyncIterator[RedisServer]:
    # Not pytest's tmp_path: unix socket paths are limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ac-") as folder:
        server = RedisServer(Path(folder))
        await server.start()
        yield server
        server.kill()


@pytest.fixture(scope="session")
async def accounts_url(postgres: str) -> str:
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    await connection.close()
    url = f"{postgres}?search_path={SCHEMA}"
    await migrate.run(url)
    return url


@pytest.fixture(scope="session")
async def stage(
    stack: Stack, accounts_url: str, accounts_redis: RedisServer
) -> AsyncIterator[Stage]:
    clock = ManualClock(float(int(time.time())))
    async with AsyncExitStack() as closing:
        vault = Vault(PostgresKeyStore(accounts_url), MasterKeys(MASTER_KEY))
        await vault.start()
        closing.push_async_callback(vault.close)
        records = await Records.open(accounts_url, vault)
        closing.push_async_callback(records.close)
        mailer = Mailer(
            PostgresMailOutbox(records.database), vault, "MaxRay <care@example.org>", clock
        )
        throttle = RedisThrottle(accounts_redis.url)
        closing.push_async_callback(throttle.close)
        trail = MemoryAuditTrail()
        needs = Needs(
            database_url=accounts_url,
            vault=vault,
            mailer=mailer,
            audit=trail,
            throttle=FallbackThrottle(throttle),
            records=records,
            clock=clock,
            public_url=PUBLIC_URL,
            token_secret=Secret(SECRET),
            cost=CHEAP,
        )
        accounts: Accounts = await closing.enter_async_context(opened(needs))
        services = replace(
            stack.services,
            clock=clock,
            vault=vault,
            records=records,
            mailer=mailer,
            accounts=accounts,
            verify_token=accounts.verifier.verify,
        )
        app: Any = create_app(services)
        family = FamilyLetters(Relationships(records.database), accounts, mailer, clock, PUBLIC_URL)
        writers = LetterWriters(accounts.letters.writers(), family.writers())
        mailbox = Mailbox(accounts_url, vault, writers)
        stage = Stage(app, accounts, clock, mailbox, trail, needs)
        await stage.read_contract()
        yield stage
