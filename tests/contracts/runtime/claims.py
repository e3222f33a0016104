"""DESIGN §3, 7: a key is held by one entity at most."""

from __future__ import annotations

import asyncio

import pytest

from actors.domain.kernel import DomainError
from tests.account import Deposit, Hold, Release
from tests.stage import Stage


class Claims:
    async def test_a_key_is_held_by_one_entity_at_most(self, stage: Stage) -> None:
        refs = [stage.account_on(shard, f"h{n}-") for shard in range(stage.shards) for n in "ab"]
        key = stage.id()
        outcomes = await asyncio.gather(
            *[stage.ask(ref, Hold(key=key), "hold") for ref in refs], return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, DomainError)]
        assert len(refused) == len(refs) - 1, outcomes
        assert {one.code for one in refused} == {"conflict"}
        winner = refs[[isinstance(one, bytes) for one in outcomes].index(True)]
        loser = next(ref for ref in refs if ref != winner)
        await stage.ask(winner, Release(key=key))
        await stage.ask(loser, Hold(key=key))
        with pytest.raises(DomainError, match="held by another"):
            await stage.ask(winner, Hold(key=key))

    async def test_a_claim_that_was_lost_stays_lost_for_its_command_id(self, stage: Stage) -> None:
        holder, other = stage.account_on(0), stage.account_on(stage.shards - 1, "y")
        key = stage.id()
        await stage.ask(holder, Hold(key=key))
        outcomes = await asyncio.gather(
            stage.ask(other, Hold(key=key), "hold"),
            stage.ask(other, Deposit(amount=1)),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], DomainError)
        assert isinstance(outcomes[1], bytes), "its neighbour in the batch has no part in it"
        await stage.ask(holder, Release(key=key))
        await stage.crash(stage.shards - 1)
        with pytest.raises(DomainError, match="held by another"):
            await stage.ask(other, Hold(key=key), "hold")

    async def test_a_holder_that_renames_its_claim_does_not_lose_it(self, stage: Stage) -> None:
        """The claim's holder changes in the same batch in which another entity wants the key."""
        holder, other = stage.account_on(0, "x"), stage.account_on(0, "y")
        first, second = stage.id(), stage.id()
        await stage.ask(holder, Hold(key=first))
        await stage.ask(holder, Hold(key=second))
        wanted, renamed = await asyncio.gather(
            stage.ask(other, Hold(key=second)),
            stage.ask(holder, Release(key=first)),
            return_exceptions=True,
        )
        assert isinstance(wanted, DomainError), "the key had a holder all the time"
        assert isinstance(renamed, bytes)
