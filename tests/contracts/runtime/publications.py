"""Facts reach the channels once, in order, whatever happens to shards and streams; values soon."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.json import decode

from actors.domain.kernel import EntityRef
from tests.account import Deposit, Ping
from tests.contracts.runtime.conditions import assert_exact, facts_up_to
from tests.stage import LocalStage, Stage


class Publications:
    async def test_each_event_is_published_in_order_without_a_gap(self, stage: Stage) -> None:
        ref = stage.account("a")
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await assert_exact(stage, ref, range(1, 31))

    async def test_facts_arrive_exactly_although_the_streams_were_away(self, stage: Stage) -> None:
        ref = stage.account("a")
        await stage.ask(ref, Deposit(amount=1))
        await stage.until(facts_up_to(stage, ref, 1))
        stage.cut_streams(True)
        for _ in range(10):
            await stage.ask(ref, Deposit(amount=1))
        await stage.pause()
        stage.cut_streams(False)
        await stage.ask(ref, Deposit(amount=1))
        await assert_exact(stage, ref, range(1, 13))

    async def test_facts_arrive_exactly_although_the_shard_died_before_it_published(
        self, stage: Stage
    ) -> None:
        ref = stage.account_on(0)
        stage.cut_streams(True)
        for _ in range(10):
            await stage.ask(ref, Deposit(amount=1))
        await stage.crash(0)
        stage.cut_streams(False)
        await stage.ask(ref, Deposit(amount=1))
        await assert_exact(stage, ref, range(1, 12))

    async def test_signals_are_absorbed_forwarded_and_published_as_latest(
        self, stage: Stage
    ) -> None:
        ref = stage.account("a")
        echo = EntityRef("account", f"{ref.id}-echo")

        async def arrived() -> bool:
            stage.router.signal(ref, Ping(n=-3))
            seen = [(await stage.view(one)).seen for one in (ref, echo)]
            latest = stage.streams().latest.get((f"ticks:{ref.id}", ref.id), b"{}")
            return seen == [-3, -3] and decode(latest).get("balance") == -3

        await stage.until(arrived)


class LocalPublications:
    async def test_facts_arrive_exactly_although_batches_were_torn(self, stage: LocalStage) -> None:
        ref = stage.account("a")
        stage.streams().torn = 4
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(20)])
        await assert_exact(stage, ref, range(1, 21))

    async def test_facts_arrive_exactly_although_the_queue_overflows(
        self, stage: LocalStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.relay.QUEUE_LIMIT", 10)
        monkeypatch.setattr("actors.relay.PAGE", 4)
        ref = stage.account("a")
        for burst in range(4):
            stage.cut_streams(burst % 2 == 0)
            await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await assert_exact(stage, ref, range(1, 121))

    async def test_the_newest_latest_arrives_although_the_streams_were_away(
        self, stage: LocalStage
    ) -> None:
        ref = stage.account("a")
        await stage.view(ref)
        stage.cut_streams(True)
        stage.router.signal(ref, Ping(n=7))

        async def absorbed() -> bool:
            return (await stage.view(ref)).seen == 7

        await stage.until(absorbed)
        await stage.pause()
        stage.cut_streams(False)

        async def arrived() -> bool:
            return (f"ticks:{ref.id}", ref.id) in stage.streams().latest

        await stage.until(arrived)

    async def test_a_clean_stop_publishes_what_it_committed(self, stage: LocalStage) -> None:
        ref = stage.account("a")
        stage.cut_streams(True)
        await asyncio.gather(*[stage.ask(ref, Deposit(amount=1)) for _ in range(30)])
        await stage.pause()
        stage.cut_streams(False)
        await stage.close()
        facts = stage.streams().facts[f"account:{ref.id}"]
        assert [offset for offset, _ in facts] == list(range(1, 31))
