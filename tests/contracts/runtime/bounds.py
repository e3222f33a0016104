"""DESIGN §3, 6: lanes, mailboxes and memory have limits, and what is urgent goes first."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.json import decode

from actors.domain.kernel import EntityRef
from actors.errors import Busy
from actors.limits import Limits
from tests.account import Deposit
from tests.contracts.runtime.conditions import held
from tests.stage import BY, LocalStage

# Small enough that a test can fill them, large enough that other tests do not.
LIMITS = Limits(lane=64, mailbox=16, batch=16, answers=64, loads=8, idle_s=30.0)


class Bounds:
    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    async def test_a_full_mailbox_says_busy(self, stage: LocalStage) -> None:
        ref, other = stage.account_on(0), stage.account_on(0, "other")
        fill = [(ref, LIMITS.mailbox)]
        await assert_busy(stage, fill, [ref] * 4)
        assert await stage.balances([ref, other]) == [LIMITS.mailbox, 0]

    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    @pytest.mark.parametrize("kind", ["account", "alarm"])
    async def test_a_full_lane_says_busy(self, stage: LocalStage, kind: str) -> None:
        """Counted from acceptance to answer, wherever the command is meanwhile."""
        refs = [stage.account_on(0, f"{n}-", kind) for n in range(LIMITS.lane + 4)]
        await assert_busy(stage, [(ref, 1) for ref in refs[: LIMITS.lane]], refs[LIMITS.lane :])
        assert sum(await stage.balances(refs[:60])) == 60

    @pytest.mark.parametrize("limits", [LIMITS], indirect=True)
    async def test_an_urgent_command_is_not_delayed_by_a_flood_of_others(
        self, stage: LocalStage
    ) -> None:
        ref, alarm = stage.account_on(0), stage.account_on(0, kind="alarm")
        await stage.view(ref)
        await stage.view(alarm)
        journal = stage.journals[0]
        journal.open_gate.clear()
        flood = [
            asyncio.create_task(stage.ask(stage.account_on(0, f"f{n}-"), Deposit(amount=1)))
            for n in range(LIMITS.lane)
        ]
        # The same entity's mailbox is full of others, too.
        crowd = [
            asyncio.create_task(stage.ask(ref, Deposit(amount=1))) for _ in range(LIMITS.mailbox)
        ]
        await stage.until(held(stage, 0))
        commits = journal.commits
        urgent = [
            asyncio.create_task(stage.ask(alarm, Deposit(amount=1))),
            asyncio.create_task(
                stage.router.ask(
                    ref, Deposit(amount=1), id=stage.id(), by=BY, urgent=True, timeout_s=15.0
                )
            ),
        ]
        # So that the urgent ones are there before the gate opens: they need some turns of the loop,
        # and nothing tells when the last of them has come.
        for _ in range(10):
            await asyncio.sleep(0.01)
        journal.open_gate.set()
        await asyncio.gather(*urgent)
        # The commit that was on its way, the one that was filled then, and no other.
        assert journal.commits <= commits + 2
        await asyncio.gather(*flood, *crowd)

    @pytest.mark.parametrize("limits", [Limits(idle_s=0.5, loads=8)], indirect=True)
    async def test_an_idle_entity_leaves_the_memory_and_comes_back_as_it_was(
        self, stage: LocalStage
    ) -> None:
        refs = [stage.account_on(0, f"{n}-") for n in range(20)]
        for n, ref in enumerate(refs):
            for _ in range(n % 5):
                await stage.ask(ref, Deposit(amount=n))
        shard = stage.cluster.shard(0)

        async def passivated() -> bool:
            return shard.stats.entities == 0

        await stage.until(passivated)
        assert await stage.balances(refs) == [n * (n % 5) for n in range(20)]

    @pytest.mark.parametrize("limits", [Limits(entities=0)], indirect=True)
    async def test_an_entity_with_work_in_progress_stays_in_memory(self, stage: LocalStage) -> None:
        ref = stage.account_on(0)
        journal, shard = stage.journals[0], stage.cluster.shard(0)
        journal.open_gate.clear()
        first = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
        await stage.until(held(stage, 0))

        async def looked_for_idle_ones() -> bool:
            return shard.stats.waiting > 0

        await stage.until(looked_for_idle_ones)
        second = asyncio.create_task(stage.ask(ref, Deposit(amount=1)))

        async def executed() -> bool:
            return shard.stats.entities > 0

        await stage.until(executed)
        journal.open_gate.set()
        assert [decode(one)["balance"] for one in await asyncio.gather(first, second)] == [1, 2]
        assert shard.stats.rewinds == 0


async def assert_busy(
    stage: LocalStage, fill: list[tuple[EntityRef, int]], more: list[EntityRef]
) -> None:
    """While `fill` waits for a commit there is no room for `more`; afterwards there is."""
    shard = stage.cluster.shard(0)
    stage.journals[0].open_gate.clear()
    waiting = [
        asyncio.create_task(stage.ask(ref, Deposit(amount=1)))
        for ref, times in fill
        for _ in range(times)
    ]
    await stage.until(held(stage, 0))
    outcomes = await asyncio.gather(
        *[stage.ask(ref, Deposit(amount=1), "more", timeout_s=0.3) for ref in more],
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [Busy] * len(more)
    assert shard.stats.busy >= len(more)
    stage.journals[0].open_gate.set()
    await asyncio.gather(*waiting)
