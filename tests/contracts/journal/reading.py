"""What is read back: records, and the history of publications."""

from __future__ import annotations

from actors.ports import Commit, Journal, Record
from tests.contracts.journal.rows import NOW, A, B, entity, event, write


class Reading:
    async def test_a_record_is_the_newest_snapshot_and_the_events_after_it(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        await write(journal, epochs, A, 1, snapshot=b"one")
        await write(journal, epochs, A, 2)
        await write(journal, epochs, A, 3)
        assert (await journal.load([A]))[A] == Record(3, b"one", (b'{"v":2}', b'{"v":3}'))
        await write(journal, epochs, A, 4, snapshot=b"four")
        assert (await journal.load([A]))[A] == Record(4, b"four", ())

    async def test_history_gives_the_publications_above_a_version(
        self, journal: Journal, epochs: dict[int, int]
    ) -> None:
        for version in range(1, 6):
            await write(journal, epochs, A, version)
        await journal.commit(
            Commit(epochs, at=NOW, journal=[event(A, 6, published=False)], entities=[entity(A, 6)])
        )
        top, rows = await journal.history(A, 2, 2)
        assert (top, [row.version for row in rows]) == (6, [3, 4])
        top, rows = await journal.history(A, 4, 10)
        assert (top, [(row.version, row.publication) for row in rows]) == (6, [(5, b'{"v":5}')])
        assert await journal.history(A, 6, 10) == (6, [])
        assert await journal.history(B, 0, 10) == (0, [])
