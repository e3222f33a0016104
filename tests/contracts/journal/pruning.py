"""Answers are forgotten when nobody can ask for them any more."""

from __future__ import annotations

import pytest

from actors.ports import ANSWER_MARGIN_S, Commit, DuplicateCommands, Journal
from tests.contracts.journal.rows import NOW, SLOT_A, SLOTS, A, B, answer, message


class Pruning:
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
