"""What every MailOutbox promises. Subclass it and give the fixtures `outbox` and `second`, which is
another process's on the same mail."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from storage.mail import MailCounts, MailOutbox, MailRow

NOW = 1_800_000_000.0
LEASE_S = 120.0


def row(*, at: float = NOW, id_: UUID | None = None) -> MailRow:
    return MailRow(
        id=id_ or uuid4(), kind="verify_email", sealed=b"\0seal", created_at=at, expires_at=at + 600
    )


class MailOutboxContract:
    async def test_what_is_queued_is_claimed_whole(self, outbox: MailOutbox) -> None:
        queued = row()
        await outbox.queue(queued)
        [claimed] = await outbox.claim(NOW, LEASE_S, 10)
        assert claimed.row == queued
        assert (claimed.attempt, claimed.lease_ends) == (1, NOW + LEASE_S)

    async def test_one_id_is_queued_once(self, outbox: MailOutbox) -> None:
        first = row()
        for _ in range(3):
            await outbox.queue(first)
        [claimed] = await outbox.claim(NOW, LEASE_S, 10)
        await outbox.sent(claimed, NOW)
        await outbox.queue(first)
        assert await outbox.claim(NOW + 1000, LEASE_S, 10) == ()

    async def test_a_claim_is_one_senders_until_its_lease_ends(
        self, outbox: MailOutbox, second: MailOutbox
    ) -> None:
        await outbox.queue(row())
        [claimed] = await outbox.claim(NOW, LEASE_S, 10)
        assert await second.claim(NOW + LEASE_S - 1, LEASE_S, 10) == ()
        [again] = await second.claim(NOW + LEASE_S, LEASE_S, 10)
        assert (again.row, again.attempt) == (claimed.row, 2)

    async def test_many_senders_at_once_get_each_message_once(
        self, outbox: MailOutbox, second: MailOutbox
    ) -> None:
        rows = [row() for _ in range(30)]
        for one in rows:
            await outbox.queue(one)
        claims = await asyncio.gather(
            *(of.claim(NOW, LEASE_S, 4) for of in (outbox, second) for _ in range(4))
        )
        got = [claimed.row.id for claim in claims for claimed in claim]
        assert len(got) == len(set(got)) >= 28
        assert all(len(claim) <= 4 for claim in claims)

    async def test_the_longest_due_come_first(self, outbox: MailOutbox) -> None:
        late, early = row(at=NOW + 5), row(at=NOW)
        await outbox.queue(late)
        await outbox.queue(early)
        assert await outbox.claim(NOW - 1, LEASE_S, 1) == ()
        [claimed] = await outbox.claim(NOW + 10, LEASE_S, 1)
        assert claimed.row == early

    async def test_a_postponed_message_comes_back_at_its_time(self, outbox: MailOutbox) -> None:
        await outbox.queue(row())
        [claimed] = await outbox.claim(NOW, LEASE_S, 10)
        await outbox.postpone(claimed, NOW + 5, "away")
        assert await outbox.claim(NOW + 4, LEASE_S, 10) == ()
        [again] = await outbox.claim(NOW + 5, LEASE_S, 10)
        assert again.attempt == 2

    async def test_what_a_late_sender_says_changes_nothing(
        self, outbox: MailOutbox, second: MailOutbox
    ) -> None:
        await outbox.queue(row())
        [late] = await outbox.claim(NOW, LEASE_S, 10)
        [now] = await second.claim(NOW + LEASE_S, LEASE_S, 10)
        await outbox.bury(late, NOW, "gave up")
        await outbox.postpone(late, NOW, "again")
        assert await second.claim(NOW + LEASE_S + 1, LEASE_S, 10) == ()
        assert (await outbox.counts()).dead == 0
        await second.sent(now, NOW)
        await outbox.bury(now, NOW, "no")
        assert await outbox.counts() == MailCounts()

    async def test_a_late_sender_that_sent_it_did_so(
        self, outbox: MailOutbox, second: MailOutbox
    ) -> None:
        await outbox.queue(row())
        [late] = await outbox.claim(NOW, LEASE_S, 10)
        [again] = await second.claim(NOW + LEASE_S, LEASE_S, 10)
        await second.postpone(again, NOW + 2 * LEASE_S, "away")
        await outbox.sent(late, NOW)
        assert await second.claim(NOW + 10 * LEASE_S, LEASE_S, 10) == ()

    async def test_it_counts_what_waits_and_what_was_given_up(self, outbox: MailOutbox) -> None:
        assert await outbox.counts() == MailCounts()
        await outbox.queue(row(at=NOW))
        [dead] = await outbox.claim(NOW, LEASE_S, 1)
        await outbox.bury(dead, NOW + 1, "refused")
        assert await outbox.counts() == MailCounts(dead=1, failure="refused")
        await outbox.queue(row(at=NOW + 2))
        await outbox.queue(row(at=NOW + 3))
        [first] = await outbox.claim(NOW + 2, LEASE_S, 1)
        await outbox.postpone(first, NOW + 9, "away")
        assert await outbox.counts() == MailCounts(
            queued=2, dead=1, oldest_at=NOW + 2, failure="away"
        )

    async def test_what_is_over_is_forgotten_and_what_waits_is_not(
        self, outbox: MailOutbox
    ) -> None:
        for at in (NOW, NOW + 1, NOW + 2):
            await outbox.queue(row(at=at))
        [first] = await outbox.claim(NOW, LEASE_S, 1)
        await outbox.bury(first, NOW, "refused")
        [second] = await outbox.claim(NOW + 1, LEASE_S, 1)
        await outbox.bury(second, NOW + 100, "refused")
        await outbox.prune(NOW + 50)
        counts = await outbox.counts()
        assert (counts.queued, counts.dead) == (1, 1)
