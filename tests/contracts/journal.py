"""What every Journal promises. Subclass it and give the fixture `journal`.

Two journals on one database stand for two processes: `second` is the other one's.
"""

from __future__ import annotations

import asyncio

import pytest

from actors.placement import slot_of
from actors.ports import (
    ANSWER_MARGIN_S,
    AnswerRow,
    AuditRow,
    ClaimRow,
    ClaimsTaken,
    Commit,
    DuplicateCommands,
    EntityRow,
    Fenced,
    Journal,
    JournalRow,
    OutboxRow,
    Record,
    Rejected,
    Timer,
)

NOW = 1_800_000_000.0
A, B = "account:a", "account:b"
SLOT_A, SLOT_B = slot_of("account", "a"), slot_of("account", "b")
SLOTS = [SLOT_A, SLOT_B]


def event(ref: str, version: int, *, published: bool = True) -> JournalRow:
    data = f'{{"v":{version}}}'.encode()
    return JournalRow(ref, version, NOW + version, f"c{version}", data, data if published else None)


def entity(
    ref: str, version: int, *, snapshot: bytes | None = None, wake_at: float | None = None
) -> EntityRow:
    return EntityRow(ref, SLOT_A if ref == A else SLOT_B, version, wake_at, snapshot)


def answer(ref: str, command_id: str, body: bytes = b"1", status: int = 0) -> AnswerRow:
    return AnswerRow(ref, command_id, b"print---", status, body)


def message(id_: str, *, at: float = NOW, urgent: bool = False, to: str = "b") -> OutboxRow:
    return OutboxRow(id_, A, "account", to, slot_of("account", to), b"{}", at, urgent)


def audit(seq: int, writer: str = "w") -> AuditRow:
    return AuditRow(writer, seq, NOW, "ops", "o", "Do", A, seq, "c", bytes(32), bytes(32))


class JournalContract:
    @pytest.fixture
    async def epochs(self, journal: Journal) -> dict[int, int]:
        return dict(await journal.take(SLOTS, "first"))

    async def write(
        self, journal: Journal, epochs: dict[int, int], ref: str, version: int, **more: object
    ) -> int:
        """One event of an entity, with a snapshot where `snapshot` gives one."""
        row = entity(ref, version, **more)  # type: ignore[arg-type]  # its fields, of several types
        return await journal.commit(
            Commit(epochs, at=NOW, journal=[event(ref, version)], entities=[row])
        )

    # ------------------------------------------------------------------ epochs

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
                self.write(journal, epochs, A, version, snapshot=b"1"),
                second.take(SLOTS, "second"),
                return_exceptions=True,
            )
            assert isinstance(taken, dict)
            seen = (await second.load([A])).get(A, Record()).version
            assert seen == (version - 1 if isinstance(wrote, Fenced) else version)
            with pytest.raises(Fenced):
                await self.write(journal, epochs, A, version + 1)
            if isinstance(wrote, Fenced):
                await self.write(second, taken, A, version)
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

    # ------------------------------------------------------------------ all or none

    async def test_everything_in_a_commit_is_written(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        seq = await journal.commit(
            Commit(
                epochs,
                at=NOW,
                journal=[event(A, 1), event(B, 1)],
                entities=[entity(A, 1, snapshot=b"a", wake_at=NOW + 5), entity(B, 1)],
                answers=[answer(A, "c1")],
                outbox=[message("m")],
                claims=[ClaimRow("k", "h", A)],
                audit=[audit(1)],
            )
        )
        assert seq > 0
        assert await journal.load([A, B, "account:never"]) == {
            A: Record(1, b"a", ()),
            B: Record(1, None, (b'{"v":1}',)),
        }
        assert await journal.timers(SLOTS) == [Timer(A, NOW + 5)]
        assert await journal.undelivered(SLOTS, NOW, 10) == [message("m")]

    async def test_a_commit_without_events_writes_its_rest(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        commit = Commit(epochs, at=NOW, answers=[answer(A, "c", status=1)], outbox=[message("m")])
        assert await journal.commit(commit) == 0
        with pytest.raises(DuplicateCommands):
            await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "c")]))
        assert await journal.undelivered(SLOTS, NOW, 10) == [message("m")]

    async def test_a_version_that_exists_is_rejected_with_all_that_came_with_it(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await self.write(journal, epochs, A, 1, snapshot=b"a1")
        with pytest.raises(Rejected):
            await journal.commit(
                Commit(
                    epochs,
                    at=NOW,
                    journal=[event(B, 1), event(A, 1)],
                    entities=[entity(B, 1), entity(A, 1, snapshot=b"x")],
                    answers=[answer(B, "c")],
                    outbox=[message("m")],
                    claims=[ClaimRow("k", "h", B)],
                )
            )
        assert await journal.load([A, B]) == {A: Record(1, b"a1", ())}
        assert await journal.undelivered(SLOTS, NOW, 10) == []
        await journal.commit(
            Commit(epochs, at=NOW, answers=[answer(B, "c")], claims=[ClaimRow("k", "h", B)])
        )

    async def test_a_failure_in_the_last_part_of_a_commit_leaves_nothing(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, audit=[audit(1)]))
        with pytest.raises(Rejected):
            await journal.commit(
                Commit(
                    epochs,
                    at=NOW,
                    journal=[event(A, 1)],
                    entities=[entity(A, 1)],
                    answers=[answer(A, "c1")],
                    outbox=[message("m")],
                    claims=[ClaimRow("k", "h", A)],
                    audit=[audit(1)],
                )
            )
        assert await journal.load([A]) == {}
        assert await journal.undelivered(SLOTS, NOW, 10) == []
        await journal.commit(
            Commit(epochs, at=NOW, answers=[answer(A, "c1")], claims=[ClaimRow("k", "h", A)])
        )

    async def test_rows_that_cannot_be_stored_are_rejected(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        with pytest.raises(Rejected):
            await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("a NUL \0", "h", A)]))
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))

    # ------------------------------------------------------------------ duplicates

    async def test_a_known_command_id_brings_back_its_answer_and_nothing_is_written(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        first = answer(A, "c1", b"first", status=1)
        await journal.commit(Commit(epochs, at=NOW, answers=[first, answer(B, "other")]))
        with pytest.raises(DuplicateCommands) as caught:
            await journal.commit(
                Commit(
                    epochs,
                    at=NOW,
                    journal=[event(B, 1)],
                    entities=[entity(B, 1)],
                    answers=[answer(B, "new"), answer(A, "c1", b"second")],
                )
            )
        assert caught.value.answers == {(A, "c1"): first}
        assert await journal.load([B]) == {}

    async def test_command_ids_belong_to_one_entity(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "c")]))
        await journal.commit(Commit(epochs, at=NOW, answers=[answer(B, "c")]))

    # ------------------------------------------------------------------ claims

    async def test_a_key_wanted_twice_in_one_commit_is_named(self, journal: Journal) -> None:
        epochs = await journal.take(SLOTS, "o")
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))
        moved = ClaimRow("k", "h2", A)
        with pytest.raises(ClaimsTaken) as refused:
            await journal.commit(
                Commit(epochs, at=NOW, releases=[("k", "h")], claims=[moved, ClaimRow("k", "i", B)])
            )
        assert refused.value.keys == {"k"}
        await journal.commit(Commit(epochs, at=NOW, releases=[("k", "h")], claims=[moved]))

    async def test_a_claim_has_one_holder(self, journal: Journal, epochs: dict[int, int]) -> None:
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))
        with pytest.raises(ClaimsTaken) as caught:
            await journal.commit(
                Commit(epochs, at=NOW, claims=[ClaimRow("k", "i", B), ClaimRow("free", "i", B)])
            )
        assert caught.value.keys == {"k"}
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("free", "h", A)]))

    async def test_a_released_claim_can_be_taken_in_the_same_commit(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))
        await journal.commit(
            Commit(epochs, at=NOW, releases=[("k", "h")], claims=[ClaimRow("k", "i", B)])
        )
        with pytest.raises(ClaimsTaken):
            await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))

    async def test_only_the_holder_releases_a_claim(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, claims=[ClaimRow("k", "h", A)]))
        with pytest.raises(ClaimsTaken):
            await journal.commit(
                Commit(epochs, at=NOW, releases=[("k", "i")], claims=[ClaimRow("k", "i", B)])
            )

    # ------------------------------------------------------------------ outbox, timers

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
        await self.write(journal, epochs, A, 1, wake_at=NOW + 10)
        await self.write(journal, epochs, B, 1, wake_at=NOW + 20)
        assert list(await journal.timers([SLOT_A])) == [Timer(A, NOW + 10)]
        await self.write(journal, epochs, A, 2, wake_at=NOW + 30)
        assert list(await journal.timers([SLOT_A])) == [Timer(A, NOW + 30)]
        await self.write(journal, epochs, A, 3)
        assert list(await journal.timers(SLOTS)) == [Timer(B, NOW + 20)]

    # ------------------------------------------------------------------ records, history

    async def test_a_record_is_the_newest_snapshot_and_the_events_after_it(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await self.write(journal, epochs, A, 1, snapshot=b"one")
        await self.write(journal, epochs, A, 2)
        await self.write(journal, epochs, A, 3)
        assert (await journal.load([A]))[A] == Record(3, b"one", (b'{"v":2}', b'{"v":3}'))
        await self.write(journal, epochs, A, 4, snapshot=b"four")
        assert (await journal.load([A]))[A] == Record(4, b"four", ())

    async def test_history_gives_the_publications_above_a_version(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        for version in range(1, 6):
            await self.write(journal, epochs, A, version)
        await journal.commit(
            Commit(
                epochs,
                at=NOW,
                journal=[event(A, 6, published=False)],
                entities=[entity(A, 6)],
            )
        )
        top, rows = await journal.history(A, 2, 2)
        assert (top, [row.version for row in rows]) == (6, [3, 4])
        top, rows = await journal.history(A, 4, 10)
        assert (top, [(row.version, row.publication) for row in rows]) == (6, [(5, b'{"v":5}')])
        assert await journal.history(A, 6, 10) == (6, [])
        assert await journal.history(B, 0, 10) == (0, [])

    # ------------------------------------------------------------------ watermarks

    async def test_publications_above_the_watermark_are_unpublished(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        first = await self.write(journal, epochs, A, 1)
        second = await self.write(journal, epochs, B, 1)
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
        await self.write(journal, epochs, A, 1)
        seq = await self.write(journal, epochs, B, 1)
        await journal.mark_published({SLOT_B: epochs[SLOT_B]}, seq)
        assert [row.ref for row in await journal.unpublished(SLOTS, 10)] == [A]

    async def test_an_old_owner_moves_no_watermark(
        self, journal: Journal, second: Journal, epochs: dict[int, int]
    ) -> None:
        seq = await self.write(journal, epochs, A, 1)
        await second.take(SLOTS, "second")
        await journal.mark_published(epochs, seq)
        assert [row.ref for row in await second.unpublished(SLOTS, 10)] == [A]

    # ------------------------------------------------------------------ pruning

    async def test_answers_are_forgotten_by_age_and_slot(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(
            Commit(epochs, at=NOW, answers=[answer(A, "old"), answer(B, "other slot")])
        )
        await journal.commit(Commit(epochs, at=NOW + 10, answers=[answer(A, "young")]))
        assert await journal.prune([SLOT_A], NOW + 5) == 1
        await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "old")]))
        for kept in (answer(A, "young"), answer(B, "other slot")):
            with pytest.raises(DuplicateCommands):
                await journal.commit(Commit(epochs, at=NOW, answers=[kept]))

    async def test_an_answer_stays_while_a_message_of_its_time_is_in_the_outbox(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await journal.commit(Commit(epochs, at=NOW, answers=[answer(A, "of that time")]))
        await journal.commit(Commit(epochs, at=NOW, outbox=[message("m", at=NOW + 1)]))
        assert await journal.prune(SLOTS, NOW + 10 * ANSWER_MARGIN_S) == 0
        await journal.commit(Commit(epochs, at=NOW, handled=["m"]))
        assert await journal.prune(SLOTS, NOW + 10 * ANSWER_MARGIN_S) == 1
