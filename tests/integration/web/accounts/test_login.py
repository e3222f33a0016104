"""Logging in: who may, what the others are told, and what trying costs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import problem
from web.accounts.origin import Origin
from web.accounts.throttle import DEVICE, GUESSES
from web.problems import ProblemError


def told(response: httpx.Response) -> dict[str, Any]:
    """All that a caller can see of a refusal, but for what names this very request."""
    found = problem(response, 401, "invalid-credentials")
    headers = {k: v for k, v in response.headers.items() if k != "x-request-id"}
    return {**found, "request_id": "", "headers": headers}


async def test_wrong_unknown_and_locked_are_one_answer_after_the_same_work(stage: Stage) -> None:
    unverified = stage.stranger()
    unverified.email = somebody()
    await unverified.sign_up()
    disabled = await stage.patient()
    path = f"/api/accounts/{(await disabled.get('/api/accounts/me')).json()['id']}/disable"
    await stage.admin().post(path, {"reason": "test"}, expect=200)
    invited = stage.stranger()
    invited.email = somebody()
    body = {"email": invited.email, "role": "ops"}
    await stage.admin().post("/api/accounts/invitations", body, expect=201)
    wrong, unknown = await stage.patient(), stage.stranger()
    wrong.password, unknown.email = "not-the-password-1", somebody()

    passwords = stage.accounts.parts.passwords
    answers, work, lines = [], [], []
    for caller in (wrong, unknown, unverified, disabled, invited):
        before, known = passwords.computed, len(stage.trail.entries)
        answers.append(told(await caller.try_log_in()))
        work.append(passwords.computed - before)
        lines.append([entry.outcome for entry in stage.trail.entries[known:]])
    assert all(answer == answers[0] for answer in answers)
    assert work == [1] * 5  # one argon2id computation each, which outweighs all the rest
    assert lines == [["denied"]] * 5
    reasons = [entry.reason for entry in stage.entries("login")[-5:]]
    assert reasons == [
        "wrong-password",
        "unknown-account",
        "account-unverified",
        "account-disabled",
        "account-invited",
    ]


async def test_failures_cost_growing_time_and_no_attempt_slips_through(stage: Stage) -> None:
    victim, guesser = await stage.patient(), stage.stranger()
    guesser.email, guesser.password = victim.email, "a-guess-of-somebody-1"
    many = await asyncio.gather(*(guesser.try_log_in() for _ in range(20)))
    looked_at = [response for response in many if response.status_code == 401]
    assert len(looked_at) == GUESSES.free + 1
    waits = []
    for _ in range(4):
        refused = await guesser.try_log_in()
        problem(refused, 429, "too-many-attempts")
        waits.append(int(refused.headers["retry-after"]))
        await stage.later(waits[-1])
        told(await guesser.try_log_in())
    assert waits == [1, 2, 4, 8]
    # The right one is not looked at either, from nowhere; and is when the delay is over.
    guesser.password = victim.password
    assert (await guesser.try_log_in()).status_code == 429
    await stage.later(16.0)
    assert (await guesser.try_log_in()).status_code == 200


async def test_the_delay_has_a_cap_and_is_forgotten(stage: Stage) -> None:
    victim, guesser = await stage.patient(), stage.stranger()
    guesser.email, guesser.password = victim.email, "a-guess-of-somebody-2"
    longest = 0
    for _ in range(40):
        refused = await guesser.try_log_in()
        if refused.status_code == 429:
            longest = max(longest, int(refused.headers["retry-after"]))
            await stage.later(float(refused.headers["retry-after"]))
    assert longest == GUESSES.cap_s
    assert (await guesser.try_log_in()).status_code in (401, 429)


async def test_a_device_token_is_counted_for_itself_and_opens_nothing(stage: Stage) -> None:
    owner, other = await stage.patient(), await stage.patient()
    owner.password = "forgotten-by-its-owner"
    statuses = [(await owner.try_log_in()).status_code for _ in range(DEVICE.free + 2)]
    assert statuses == [401] * (DEVICE.free + 1) + [429]
    # Another account's is none of this one's: counted as from anybody.
    thief = stage.stranger()
    thief.email, thief.password, thief.device_token = owner.email, "x", other.device_token
    statuses = [(await thief.try_log_in()).status_code for _ in range(GUESSES.free + 2)]
    assert statuses == [401] * (GUESSES.free + 1) + [429]


async def test_one_address_cannot_try_one_password_on_everybody(stage: Stage) -> None:
    sprayer = stage.stranger("2001:db8:1:2::1")
    statuses = []
    for number in range(52):
        sprayer.address = f"2001:db8:1:2::{number + 1:x}"  # one subscriber's network
        sprayer.email = somebody()
        statuses.append((await sprayer.try_log_in()).status_code)
    assert statuses == [401] * 51 + [429]
    elsewhere = await stage.patient()
    assert elsewhere.refresh_token


async def test_logins_are_counted_also_while_redis_is_away(
    stage: Stage, accounts_redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    owner, guesser = await stage.patient(), stage.stranger()
    guesser.email, guesser.password = owner.email, "a-guess-of-somebody-4"
    accounts_redis.kill()
    try:
        statuses = [(await guesser.try_log_in()).status_code for _ in range(GUESSES.free + 2)]
        assert statuses == [401] * (GUESSES.free + 1) + [429]
        await owner.log_in()
        assert caplog.text.count("Redis is away") == 1
    finally:
        await accounts_redis.start()
    await owner.log_in()


async def test_the_address_is_found_however_it_is_typed(stage: Stage) -> None:
    caller = await stage.patient()
    caller.email = f" {caller.email.upper()} "
    await caller.log_in()


async def test_a_login_from_a_new_device_is_written_to_the_owner(stage: Stage) -> None:
    caller = await stage.patient()
    await stage.later(7200.0)
    await caller.log_in()
    assert await stage.mailbox.kinds(caller.email) == ["verify_email"]
    caller.device_token, caller.device = None, "tablet/2.0"
    await caller.log_in()
    letter = (await stage.mailbox.letters(caller.email))[-1]
    assert letter.kind == "new_sign_in" and "tablet/2.0" in letter.text


async def test_nothing_is_let_in_that_cannot_be_audited(stage: Stage) -> None:
    caller = await stage.patient()
    stage.trail.available = False
    try:
        problem(await caller.try_log_in(), 503, "audit-unavailable")
    finally:
        stage.trail.available = True
    await caller.log_in()


async def test_no_secret_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        caller = await stage.patient()
        await caller.enrol()
        await caller.refresh()
        wrong = await caller.try_refresh("no-such-refresh-token")
        problem(wrong, 401, "invalid-credentials")
    assert caller.totp is not None
    secrets = [
        caller.password,
        caller.email,
        caller.access_token,
        caller.refresh_token,
        caller.totp.secret,
        *caller.recovery_codes,
    ]
    assert not [secret for secret in secrets if secret in caplog.text]
    shown = "".join(map(repr, stage.trail.entries))
    assert not [secret for secret in secrets if secret in shown]


async def test_a_hash_of_older_parameters_is_made_anew(stage: Stage) -> None:
    caller = await stage.patient()
    store = stage.accounts.parts.store.accounts
    row = await store.by_email(caller.email)
    assert row is not None and row.password is not None
    old = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(caller.password)
    await store.rehashed(row.id, row.password, old)
    await caller.log_in()
    row = await store.by_email(caller.email)
    assert row is not None and row.password != old
    await caller.log_in()


async def test_what_changed_while_the_password_was_looked_at_counts(stage: Stage) -> None:
    caller, disabled = await stage.patient(), await stage.patient()
    store, login = stage.accounts.parts.store.accounts, stage.accounts.login
    seen = [await store.by_email(one.email) for one in (caller, disabled)]
    path, new = "/api/accounts/me/password", "marzipan-kelp-otter-58"
    body = {"current_password": caller.password, "password": new}
    await caller.post(path, body, expect=204)
    id_ = (await disabled.get("/api/accounts/me")).json()["id"]
    await stage.admin().post(f"/api/accounts/{id_}/disable", {"reason": "test"}, expect=200)
    for row in seen:  # as the login had read it before
        assert row is not None
        with pytest.raises(ProblemError, match="invalid-credentials"):
            await login.open(row, ("pwd",), Origin(), device_known=True)
        rows = await stage.accounts.sessions.of_account(row.id)
        assert len(rows) == (1 if row is seen[0] else 0)
