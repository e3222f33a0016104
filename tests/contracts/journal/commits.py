"""A commit is written whole or not at all, and each command id once."""

from __future__ import annotations

import pytest

from actors.ports import ClaimRow, Commit, DuplicateCommands, Journal, Record, Rejected, Timer
from tests.contracts.journal.rows import (
    NOW,
    SLOTS,
    A,
    B,
    answer,
    audit,
    entity,
    event,
    message,
    write,
)


class Commits:
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
        await write(journal, epochs, A, 1, snapshot=b"a1")
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
