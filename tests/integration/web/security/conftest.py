"""The REST API with accounts in time that tests move, and who attacks whom on it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from schemathesis import Case

from actors.clock import ManualClock
from config import Secret
from storage.audit import MemoryAuditTrail
from storage.relationships import Relationships
from tests.integration.web.accounts.mailbox import Mailbox
from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import Api
from tests.integration.web.conftest import SECRET, Stack
from tests.integration.web.security.generated import cases_of
from tests.integration.web.security.outbound import Outbound
from tests.integration.web.world import World, made
from web.access.family.letter import FamilyLetters
from web.accounts.password import Cost
from web.accounts.service import Needs, opened
from web.accounts.throttle_memory import MemoryThrottle
from web.app import create_app
from web.mail.request import LetterWriters

PUBLIC_URL = "https://care.example.org"
# Real argon2id, at what it takes at least.
CHEAP = Cost(memory_kib=64, passes=1)


@pytest.fixture(scope="package")
async def stage(stack: Stack) -> AsyncIterator[Stage]:
    """On the stack's own tables, with all that it has."""
    clock = ManualClock(float(int(time.time())))
    trail = MemoryAuditTrail()
    services = stack.services
    needs = Needs(
        database_url=stack.database_url,
        vault=services.vault,
        mailer=services.mailer,
        audit=trail,
        throttle=MemoryThrottle(),
        records=services.records,
        clock=clock,
        public_url=PUBLIC_URL,
        token_secret=Secret(SECRET),
        cost=CHEAP,
    )
    async with AsyncExitStack() as closing:
        accounts = await closing.enter_async_context(opened(needs))
        app = create_app(
            replace(services, clock=clock, accounts=accounts, verify_token=accounts.verifier.verify)
        )
        # All of the application's: on the same tables others have asked for letters of any kind.
        family = FamilyLetters(
            Relationships(services.records.database), accounts, services.mailer, clock, PUBLIC_URL
        )
        writers = LetterWriters(accounts.letters.writers(), family.writers())
        mailbox = Mailbox(stack.database_url, services.vault, writers)
        stage = Stage(app, accounts, clock, mailbox, trail, needs)
        await stage.read_contract()
        yield stage


@pytest.fixture(scope="package")
def cases(document: dict[str, Any]) -> list[Case[Any]]:
    return cases_of(document)


@pytest.fixture(scope="package")
async def world(stack: Stack, api: Api) -> World:
    """A patient with all that is somebody's to see, and those who are not to see it."""
    return await made(stack, api)


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    """Where this process connects to while the test runs."""
    with Outbound() as watched:
        yield watched
