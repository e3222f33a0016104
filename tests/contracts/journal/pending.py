"""What is still to be done stays until it was: messages, deadlines, publications."""

from __future__ import annotations

from actors.ports import Commit, Journal, Timer
from tests.contracts.journal.rows import NOW, SLOT_A, SLOT_B, SLOTS, A, B, message, write


class Pending:
    async def test_a_message_stays_in_the_outbox_until_it_was_handled(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        old, new = message("old", at=NOW - 5), message("new", at=NOW)
        urgent = message("urgent", at=NOW, urgent=True)
        await journal.commit(Commit(epochs, at=NOW, outbox=[new, old, urgent]))
        assert await journal.undelivered(SLOTS, NOW, 10) == [urgent, old, new]
        assert await journal.undelivered(SLOTS, NOW, 2) == [urgent, old]
        assert await journal.undelivered(SLOTS, NOW, 2, {"urgent"}) == [old, new]
        assert await journal.undelivered(SLOTS, NOW - 1, 10) == [old]
        assert await journal.undelivered([SLOT_A], NOW, 10) == []
        await journal.commit(Commit(epochs, at=NOW, handled=["old", "urgent", "unheard of"]))
        assert await journal.undelivered(SLOTS, NOW, 10) == [new]

    async def test_a_deadline_stands_until_a_commit_moves_or_clears_it(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await write(journal, epochs, A, 1, wake_at=NOW + 10)
        await write(journal, epochs, B, 1, wake_at=NOW + 20)
        assert list(await journal.timers([SLOT_A])) == [Timer(A, NOW + 10)]
        await write(journal, epochs, A, 2, wake_at=NOW + 30)
        assert list(await journal.timers([SLOT_A])) == [Timer(A, NOW + 30)]
        await write(journal, epochs, A, 3)
        assert list(await journal.timers(SLOTS)) == [Timer(B, NOW + 20)]

    async def test_publications_above_the_watermark_are_unpublished(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        first = await write(journal, epochs, A, 1)
        second = await write(journal, epochs, B, 1)
        rows = await journal.unpublished(SLOTS, 10)
        assert [(row.seq, row.ref, row.version) for row in rows] == [(first, A, 1), (second, B, 1)]
        assert len(await journal.unpublished(SLOTS, 1)) == 1
        await journal.mark_published(epochs, first)
        assert [row.ref for row in await journal.unpublished(SLOTS, 10)] == [B]
        await journal.mark_published(epochs, second)
        await journal.mark_published(epochs, first)
        assert list(await journal.unpublished(SLOTS, 10)) == []

    async def test_each_slot_has_its_own_watermark(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await write(journal, epochs, A, 1)
        seq = await write(journal, epochs, B, 1)
        await journal.mark_published({SLOT_B: epochs[SLOT_B]}, seq)
        assert [row.ref for row in await journal.unpublished(SLOTS, 10)] == [A]

    async def test_an_old_owner_moves_no_watermark(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        seq = await write(journal, epochs, A, 1)
        await second.take(SLOTS, "second")
        await journal.mark_published(epochs, seq)
        assert [row.ref for row in await second.unpublished(SLOTS, 10)] == [A]
