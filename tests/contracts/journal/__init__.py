"""What every Journal promises. Subclass `JournalContract` and give it the fixture `journal`.

Two journals on one database stand for two processes: `second` is the other one's.
"""

from __future__ import annotations

import pytest

from actors.ports import Journal
from tests.contracts.journal.claims import Claims
from tests.contracts.journal.commits import Commits
from tests.contracts.journal.epochs import Epochs
from tests.contracts.journal.pending import Pending
from tests.contracts.journal.pruning import Pruning
from tests.contracts.journal.reading import Reading
from tests.contracts.journal.rows import SLOTS


class JournalContract(Epochs, Commits, Claims, Pending, Reading, Pruning):
    @pytest.fixture
    async def epochs(self, journal: Journal) -> dict[int, int]:
        return dict(await journal.take(SLOTS, "first"))
