"""What the suites wait for, and look at, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle

from msgspec.json import decode

from actors.domain.kernel import EntityRef
from tests.account import Pay
from tests.stage import LocalStage, Stage


async def keep_paying(stage: Stage, accounts: Sequence[EntityRef], rounds: int) -> None:
    """Payments in a ring, one after the other for each payer, all payers at once."""

    async def pay(payer: EntityRef, payee: EntityRef) -> None:
        for _ in range(rounds):
            await stage.ask(payer, Pay(to=payee.id, amount=1))

    payees = cycle(accounts)
    next(payees)
    await asyncio.gather(*[pay(a, b) for a, b in zip(accounts, payees, strict=False)])


def reminded(stage: Stage, ref: EntityRef) -> Callable[[], Awaitable[bool]]:
    """Whether its reminder has come."""

    async def reminded() -> bool:
        return (await stage.view(ref)).reminded != ()

    return reminded


def held(stage: LocalStage, shard: int) -> Callable[[], Awaitable[bool]]:
    """Whether a commit of this shard waits at its closed gate."""

    async def held() -> bool:
        return stage.journals[shard].held > 0

    return held


def facts_up_to(stage: Stage, ref: EntityRef, last: int) -> Callable[[], Awaitable[bool]]:
    """Whether this fact of its channel has come, or a later one."""

    async def arrived() -> bool:
        facts = stage.streams().facts.get(f"account:{ref.id}", [])
        return bool(facts) and facts[-1][0] >= last

    return arrived


async def assert_exact(stage: Stage, ref: EntityRef, balances: Sequence[int]) -> None:
    """Subscribers have seen each balance once, in order, under offsets without a gap."""
    await stage.until(facts_up_to(stage, ref, len(balances)))
    streams = stage.streams()
    facts = streams.facts[f"account:{ref.id}"]
    assert [offset for offset, _ in facts] == list(range(1, len(balances) + 1))
    assert [decode(data)["balance"] for _, data in facts] == list(balances)
    assert streams.gaps == []
