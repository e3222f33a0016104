"""Who took a slot last may write to it, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from actors.ports import ClaimRow, Commit, Fenced, Journal, Record
from tests.contracts.journal.rows import (
    NOW,
    SLOT_A,
    SLOT_B,
    SLOTS,
    A,
    answer,
    audit,
    entity,
    event,
    message,
    write,
)


class Epochs:
    async def test_taking_a_slot_raises_its_epoch(self, journal: Journal) -> None:
        first = await journal.take(SLOTS, "first")
        second = await journal.take([SLOT_A], "second")
        assert first.keys() == set(SLOTS)
        assert second == {SLOT_A: first[SLOT_A] + 1}

    async def test_a_commit_under_an_old_epoch_is_fenced_and_writes_nothing(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        await second.take([SLOT_B], "second")
        with pytest.raises(Fenced):
            await journal.commit(
                Commit(
                    epochs,
                    at=NOW,
                    journal=[event(A, 1)],
                    entities=[entity(A, 1, wake_at=NOW)],
                    answers=[answer(A, "c1")],
                    outbox=[message("m")],
                    claims=[ClaimRow("k", "h", A)],
                    audit=[audit(1)],
                )
            )
        assert await journal.load([A]) == {}
        assert await journal.timers(SLOTS) == []
        assert await journal.undelivered(SLOTS, NOW, 10) == []

    async def test_an_epoch_never_taken_is_fenced(self, journal: Journal) -> None:
        with pytest.raises(Fenced):
            await journal.commit(Commit({SLOT_A: 1}, at=NOW, audit=[audit(1)]))

    async def test_what_an_old_owner_commits_while_the_slot_is_taken_is_seen_or_fenced(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        for version in range(1, 21):
            wrote, taken = await asyncio.gather(
                write(journal, epochs, A, version, snapshot=b"1"),
                second.take(SLOTS, "second"),
                return_exceptions=True,
            )
            assert isinstance(taken, dict)
            seen = (await second.load([A])).get(A, Record()).version
            assert seen == (version - 1 if isinstance(wrote, Fenced) else version)
            with pytest.raises(Fenced):
                await write(journal, epochs, A, version + 1)
            if isinstance(wrote, Fenced):
                await write(second, taken, A, version)
            epochs = dict(await journal.take(SLOTS, "first"))

    async def test_slots_are_retaken_only_from_the_expected_epochs(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        again = await journal.take(SLOTS, "first", expect=epochs)
        assert again == {slot: epoch + 1 for slot, epoch in epochs.items()}
        await second.take([SLOT_A], "second")
        with pytest.raises(Fenced):
            await journal.take(SLOTS, "first", expect=again)

    async def test_a_check_of_the_epochs_finds_a_newer_owner(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.check()
        await journal.check(epochs)
        await second.take([SLOT_A], "second")
        with pytest.raises(Fenced):
            await journal.check(epochs)
