"""The outbox of mail on a real PostgreSQL: the contract, and what a transaction does to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from actors.clock import SystemClock
from config import Secret, Settings
from storage.mail import PostgresMailOutbox, put, read_counts
from storage.migrations import m0020_mail
from storage.records import RecordsUnavailable
from storage.records.database import Database
from tests.contracts.mail_outbox import LEASE_S, NOW, MailOutboxContract, row
from tests.letters import LINK, PlainSealer
from web.mail.letter import VerifyEmail
from web.mail.mailer import Mailer
from web.mail.report import MailReport, mail_line, mail_report


@pytest.fixture
async def mail(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty outbox."""
    connection = await asyncpg.connect(postgres)
    await connection.execute("DROP SCHEMA IF EXISTS mail_test CASCADE; CREATE SCHEMA mail_test")
    await connection.close()
    url = f"{postgres}?search_path=mail_test"
    connection = await asyncpg.connect(url)
    await connection.execute(m0020_mail._CREATE)
    await connection.close()
    yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresMailOutbox]:
    outbox = await PostgresMailOutbox.open(url)
    try:
        yield outbox
    finally:
        await outbox.close()


class TestPostgresMailOutbox(MailOutboxContract):
    @pytest.fixture
    async def outbox(self, mail: str) -> AsyncIterator[PostgresMailOutbox]:
        async with opened(mail) as outbox:
            yield outbox

    @pytest.fixture
    async def second(self, mail: str) -> AsyncIterator[PostgresMailOutbox]:
        async with opened(mail) as outbox:
            yield outbox

    async def test_mail_is_written_with_its_transaction_or_not_at_all(
        self, outbox: PostgresMailOutbox, mail: str
    ) -> None:
        database = Database(mail)
        await database.open()
        mailer = Mailer(outbox, PlainSealer(), "no-reply@maxray.example", SystemClock())
        letter = VerifyEmail(link=LINK, valid_s=60)
        with pytest.raises(RuntimeError, match="changed our mind"):
            async with database.transaction():
                await mailer.queue("asha@example.org", letter)
                await put(mailer.prepare("asha@example.org", letter))
                raise RuntimeError("changed our mind")
        assert (await outbox.counts()).queued == 0
        async with database.transaction():
            await mailer.queue("asha@example.org", letter)
            await put(mailer.prepare("asha@example.org", letter))
            assert (await read_counts(mail)).queued == 0, "nobody sees it before the commit"
        assert (await outbox.counts()).queued == 2
        await mailer.queue("asha@example.org", letter)
        assert (await outbox.counts()).queued == 3
        await database.close()

    async def test_nothing_is_kept_of_a_message_that_has_ended(
        self, outbox: PostgresMailOutbox, mail: str
    ) -> None:
        for _ in range(2):
            await outbox.queue(row())
        first, second = await outbox.claim(NOW, LEASE_S, 2)
        await outbox.sent(first, NOW)
        await outbox.bury(second, NOW, "refused")
        connection = await asyncpg.connect(mail)
        assert await connection.fetchval("SELECT count(*) FROM mail WHERE sealed IS NULL") == 2
        await connection.close()

    async def test_status_tells_what_waits_and_what_could_not_be_sent(
        self, outbox: PostgresMailOutbox, mail: str
    ) -> None:
        settings = Settings(database_url=Secret(mail))
        assert await mail_report(settings, NOW) == MailReport(0, 0)
        await outbox.queue(row())
        [claimed] = await outbox.claim(NOW, LEASE_S, 1)
        await outbox.bury(claimed, NOW, "the server refused the recipient: 550")
        await outbox.queue(row(at=NOW + 10))
        report = await mail_report(settings, NOW + 40)
        assert report == MailReport(1, 1, 30.0, "the server refused the recipient: 550")
        assert mail_line(report) == (
            "mail: 1 waiting, the first for 30 s; 1 could not be sent "
            "(the server refused the recipient: 550)"
        )
        assert await mail_report(None, NOW) is None

    async def test_one_that_is_out_of_reach_says_so(self) -> None:
        nowhere = "postgresql://nobody:x@127.0.0.1:1/none"
        async with opened(nowhere) as outbox:
            with pytest.raises(RecordsUnavailable):
                await outbox.claim(NOW, LEASE_S, 1)
        with pytest.raises(RecordsUnavailable):
            await read_counts(nowhere)
