"""A claim has one holder."""

from __future__ import annotations

import pytest

from actors.ports import ClaimRow, ClaimsTaken, Commit, Journal
from tests.contracts.journal.rows import NOW, SLOTS, A, B


class Claims:
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
