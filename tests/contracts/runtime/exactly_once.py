"""DESIGN §3, 2: an id names one command, carried out once; what is refused stays so."""

from __future__ import annotations

import asyncio

import pytest

from actors.domain.kernel import DomainError
from actors.errors import BadCommand, CommandIdReused
from tests.account import Deposit, Pay, Remind
from tests.contracts.runtime.conditions import assert_exact
from tests.stage import BY, Stage


class ExactlyOnce:
    async def test_a_repeat_gets_the_first_answer_and_changes_nothing(self, stage: Stage) -> None:
        ref = stage.account("a")
        first = await stage.ask(ref, Deposit(amount=5), "d1")
        await stage.ask(ref, Deposit(amount=7), "d2")
        assert await stage.ask(ref, Deposit(amount=5), "d1") == first
        assert (await stage.view(ref)).balance == 12

    async def test_a_repeat_after_a_restart_gets_the_first_answer_too(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        first = await stage.ask(ref, Deposit(amount=5), "d1")
        await stage.ask(ref, Deposit(amount=7), "d2")
        await stage.crash(0)
        assert await stage.ask(ref, Deposit(amount=5), "d1") == first
        assert (await stage.view(ref)).balance == 12

    async def test_repeats_at_the_same_time_are_one_command(self, stage: Stage) -> None:
        ref = stage.account("a")
        answers = await asyncio.gather(*[stage.ask(ref, Deposit(amount=5), "d") for _ in range(9)])
        assert len(set(answers)) == 1
        assert (await stage.view(ref)).balance == 5

    async def test_what_was_refused_stays_refused_also_after_a_restart(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        pay = Pay(to=stage.account("b").id, amount=5)
        with pytest.raises(DomainError, match="the balance is 0") as first:
            await stage.ask(ref, pay, "p")
        await stage.ask(ref, Deposit(amount=100))
        with pytest.raises(DomainError, match="the balance is 0"):
            await stage.ask(ref, pay, "p")
        await stage.crash(0)
        with pytest.raises(DomainError) as again:
            await stage.ask(ref, pay, "p")
        assert str(again.value) == str(first.value)
        assert again.value.code == "too_little"
        assert (await stage.view(ref)).balance == 100

    async def test_what_found_nothing_to_do_does_nothing_when_repeated_later(
        self, stage: Stage
    ) -> None:
        ref = stage.account_on(0)
        at = stage.now() + 1_000
        await stage.ask(ref, Remind(at=at))
        assert await stage.ask(ref, Remind(at=at), "again") == b"null"
        await stage.ask(ref, Deposit(amount=1))
        await stage.ask(ref, Remind(at=at + 1))
        await stage.crash(0)
        assert await stage.ask(ref, Remind(at=at), "again") == b"null"
        await stage.ask(ref, Deposit(amount=1))
        await assert_exact(stage, ref, [0, 1, 1, 2])

    async def test_an_id_names_one_command_for_ever(self, stage: Stage) -> None:
        ref = stage.account_on(0)
        await stage.ask(ref, Deposit(amount=5), "d")
        with pytest.raises(CommandIdReused):
            await stage.ask(ref, Deposit(amount=6), "d")
        await stage.crash(0)
        with pytest.raises(CommandIdReused):
            await stage.ask(ref, Deposit(amount=6), "d")
        assert (await stage.view(ref)).balance == 5

    async def test_a_repeat_is_known_by_what_the_caller_said(self, stage: Stage) -> None:
        ref, words, others = stage.account_on(0), Remind(at=1.0), Remind(at=2.0)

        async def ask(amount: int, said: Remind) -> bytes:
            command = Deposit(amount=amount)
            return await stage.router.ask(ref, command, id="d", by=BY, timeout_s=15.0, said=said)

        first = await ask(5, words)
        assert await ask(6, words) == first
        with pytest.raises(CommandIdReused):
            await ask(5, others)
        await stage.crash(0)
        assert await ask(7, words) == first
        with pytest.raises(CommandIdReused):
            await ask(5, others)
        assert (await stage.view(ref)).balance == 5

    async def test_what_the_door_refuses_is_refused_unless_it_was_done_before(
        self, stage: Stage
    ) -> None:
        ref, words = stage.account_on(0), Remind(at=1.0)
        gone = DomainError("gone", "it is gone", ("Deposit",))

        async def ask(id_: str) -> bytes:
            command = Deposit(amount=5)
            return await stage.router.ask(ref, command, id=id_, by=BY, timeout_s=15.0, said=words)

        async def refuse(id_: str, said: Remind) -> bytes:
            return await stage.router.refuse(ref, said, gone, id=id_, by=BY, timeout_s=15.0)

        first = await ask("done")
        for attempt in range(2):
            assert await refuse("done", words) == first
            with pytest.raises(CommandIdReused):
                await refuse("done", Remind(at=2.0))
            # And the other way round: what was refused stays so, though it could be done by now.
            for again in (refuse("refused", words), ask("refused")):
                with pytest.raises(DomainError, match="it is gone") as refused:
                    await again
                assert (refused.value.code, refused.value.allowed) == ("gone", ("Deposit",))
            if attempt == 0:
                await stage.crash(0)
        assert (await stage.view(ref)).balance == 5

    async def test_a_read_changes_nothing_and_is_not_remembered(self, stage: Stage) -> None:
        ref = stage.account("a")
        with pytest.raises(BadCommand):
            await stage.router.read(ref, Deposit(amount=5), by=BY)
        assert await stage.balances([ref]) == [0]
        await stage.ask(ref, Deposit(amount=5))
        assert await stage.balances([ref]) == [5]
