"""Nobody learns by the time of an answer who has an account: the same work is done for all.

Counted, not timed: a clock in a test says something of the machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.conftest import Stack
from tests.integration.web.security.work import Work, counted


async def work_of(
    stage: Stage, stack: Stack, doing: Callable[[Caller], Awaitable[object]], caller: Caller
) -> Work:
    async with counted(stage, stack.services.records.database) as work:
        await doing(caller)
    return work


async def sign_up(caller: Caller) -> object:
    return await caller.sign_up()


async def ask_reset(caller: Caller) -> object:
    return await caller.post("/api/accounts/password-reset", {"email": caller.email}, expect=202)


async def log_in(caller: Caller) -> object:
    return await caller.try_log_in()


async def known_and_unknown(stage: Stage) -> tuple[Caller, Caller]:
    known, unknown = await stage.patient(), stage.stranger()
    unknown.email = somebody()
    return known, unknown


async def test_logging_in_wrongly_is_the_same_work_for_every_address(
    stage: Stage, stack: Stack
) -> None:
    wrong, unknown = await known_and_unknown(stage)
    wrong.password = "not-the-password-1"
    disabled = await stage.patient()
    path = f"/api/accounts/{(await disabled.get('/api/accounts/me')).json()['id']}/disable"
    await stage.admin().post(path, {"reason": "test"}, expect=200)
    works = [await work_of(stage, stack, log_in, one) for one in (wrong, unknown, disabled)]
    assert works[0].hashes == 1 and works[0].statements
    assert works[0] == works[1] == works[2]


async def unverified(stage: Stage) -> Caller:
    caller = stage.stranger()
    caller.email = somebody()
    await caller.sign_up()
    await stage.mailbox.letters(caller.email)  # written by now, and the account is there
    return caller


async def test_signing_up_is_the_same_work_for_every_address(stage: Stage, stack: Stack) -> None:
    callers = (*await known_and_unknown(stage), await unverified(stage))
    works = [await work_of(stage, stack, sign_up, one) for one in callers]
    assert works[0].hashes == 1 and works[0].statements
    assert works[0] == works[1] == works[2]


async def test_asking_for_a_reset_is_the_same_work_for_every_address(
    stage: Stage, stack: Stack
) -> None:
    callers = (*await known_and_unknown(stage), await unverified(stage))
    works = [await work_of(stage, stack, ask_reset, one) for one in callers]
    assert works[0].hashes == 0 and works[0].statements
    assert works[0] == works[1] == works[2]
    # And it is no empty promise: the letter is written, where there is an account.
    kinds = [(await stage.mailbox.kinds(one.email))[-1:] for one in callers]
    assert kinds == [["reset_password"], [], ["verify_email"]]


async def test_asking_for_another_address_is_the_same_work_whoever_has_it(
    stage: Stage, stack: Stack
) -> None:
    caller, other = await stage.patient(), await stage.patient()

    def asking(email: str) -> Callable[[Caller], Awaitable[object]]:
        body = {"email": email, "password": caller.password}
        return lambda who: who.post("/api/accounts/me/email", body, expect=202)

    works = [
        await work_of(stage, stack, asking(email), caller) for email in (other.email, somebody())
    ]
    assert works[0].statements and works[0] == works[1]


async def test_a_flood_of_bad_tokens_costs_postgresql_nothing(stage: Stage, stack: Stack) -> None:
    caller = stage.stranger()
    caller.access_token = "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.e30.AAAA"
    work = await work_of(stage, stack, lambda who: who.get("/api/sessions", expect=401), caller)
    assert work.hashes == 0 and work.statements == []
