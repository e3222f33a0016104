"""DESIGN §3, 5: what is to happen later does, whoever dies meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from actors.domain.kernel import DomainError
from actors.errors import DeadlineExceeded
from tests.account import Hold, Remind
from tests.contracts.runtime.conditions import held, reminded
from tests.stage import LocalStage, Stage


class Timers:
    async def test_a_timer_fires_once_at_its_time(self, stage: Stage) -> None:
        ref = stage.account("a")
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        assert (await stage.view(ref)).reminded == ()
        await stage.until(reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)

    async def test_a_timer_fires_although_its_shard_died_meanwhile(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        at = stage.now() + 0.5
        await stage.ask(ref, Remind(at=at))
        await stage.crash(0)
        await stage.until(reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)


class LocalTimers:
    async def test_a_deadline_survives_the_failure_of_a_commit_that_would_have_moved_it(
        self, stage: LocalStage
    ) -> None:
        ref, neighbour = stage.account_on(0), stage.account_on(0, "neighbour")
        key = stage.id()
        await stage.ask(stage.account_on(1), Hold(key=key))
        await stage.view(ref)
        await stage.view(neighbour)
        journal = stage.journals[0]
        journal.open_gate.clear()
        at = stage.now() + 2.0
        remind = asyncio.create_task(stage.ask(ref, Remind(at=at)))
        await stage.until(held(stage, 0))
        # Executed ahead of the first one's commit; lost with its own, which a neighbour's claim
        # spoils; and then it is too late to execute it again.
        moved = asyncio.create_task(stage.ask(ref, Remind(at=at + 1e6), timeout_s=0.3))
        hold = asyncio.create_task(stage.ask(neighbour, Hold(key=key)))
        with pytest.raises(DeadlineExceeded):
            await moved
        await stage.pause()
        journal.open_gate.set()
        await remind
        with pytest.raises(DomainError, match="held by another"):
            await hold
        await stage.until(reminded(stage, ref))
        assert (await stage.view(ref)).reminded == (at,)
