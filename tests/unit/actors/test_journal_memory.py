"""The journal's twin in memory keeps the journal's contract."""

from __future__ import annotations

import pytest

from actors.journal_memory import MemoryJournal
from actors.ports import Commit, JournalUnavailable
from tests.contracts.journal import JournalContract
from tests.contracts.journal.rows import A, answer


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture
    def second(self, journal: MemoryJournal) -> MemoryJournal:
        return journal

    async def test_while_it_is_down_nothing_can_be_done_and_nothing_is_lost(
        self, journal: MemoryJournal, epochs: dict[int, int]
    ) -> None:
        journal.down = True
        with pytest.raises(JournalUnavailable):
            await journal.check()
        with pytest.raises(JournalUnavailable):
            await journal.commit(Commit(epochs, answers=[answer(A, "c")]))
        journal.down = False
        await journal.commit(Commit(epochs, answers=[answer(A, "c")]))
