"""Logging in with a passkey, after the password and without it; and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from httpx import Response

from tests.authenticator import PRESENT, VERIFIED, Authenticator, b64
from tests.integration.web.accounts.passkeys import (
    LOGIN,
    ORIGIN,
    add,
    request_options,
    show,
    ticket_of,
)
from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import problem
from web import tokens
from web.accounts.passkeys.ceremony import VALID_S
from web.accounts.session_machine import ATTEMPTS
from web.accounts.throttle import ADDRESS


def told(response: Response) -> dict[str, Any]:
    """All that a caller can see of a refusal, but for what names this very request."""
    found = problem(response, 401, "invalid-credentials")
    headers = {k: v for k, v in response.headers.items() if k != "x-request-id"}
    return {**found, "request_id": "", "headers": headers}


def amr(stage: Stage, found: dict[str, Any]) -> tuple[str, ...]:
    principal: tokens.Principal = stage.accounts.verifier.verify(found["access_token"])
    return principal.amr


async def test_a_passkey_alone_logs_in_without_a_name(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    browser = stage.stranger()
    options = await request_options(browser)
    assert options["allowCredentials"] == [] and options["userVerification"] == "required"
    answer = await show(browser, device.show(options))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["second_factor"] and amr(stage, found) == ("hwk", "user", "mfa")
    browser.take(found)
    account = (await browser.get("/api/accounts/me")).json()
    assert account["email"] == owner.email
    sessions = (await browser.get("/api/sessions")).json()["items"]
    assert next(one for one in sessions if one["current"])["methods"] == ["hwk", "user", "mfa"]
    await browser.refresh()
    line = stage.entries("login")[-1]
    assert (line.outcome, line.reason, line.id) == ("allowed", "hwk.user.mfa", account["id"])
    (listed,) = (await browser.get("/api/accounts/me/passkeys")).json()["items"]
    assert listed["used_at"] is not None


async def test_a_passkey_finishes_a_login_by_password(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN, synced=True)
    await add(owner, device)
    ticket = await ticket_of(owner)
    options = await request_options(owner, ticket)
    answer = await show(owner, device.show(options, named=False), ticket)
    assert answer.status_code == 200, answer.text
    assert amr(stage, answer.json()) == ("pwd", "swk", "user", "mfa")
    assert answer.json()["second_factor"]
    assert stage.entries("login.mfa")[-1].reason == "swk.user.mfa"
    # The ticket is gone with it.
    unknown = await owner.post(f"{LOGIN}/options", {"ticket": ticket})
    told(unknown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://care.example.org:8443"},
        {"rp_id": "example.org"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"cross_origin": True},
        {"challenge": b64(bytes(40))},
        {"user_handle": b"somebody else"},
        {"named": False},
    ],
    ids=str,
)
async def test_what_was_signed_otherwise_than_asked_is_refused(
    stage: Stage, wrong: dict[str, Any]
) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    browser = stage.stranger()
    told(await show(browser, device.show(await request_options(browser), **wrong)))
    assert stage.entries("login")[-1].outcome == "denied"
    # And as it was asked, it is not.
    good = await show(browser, device.show(await request_options(browser)))
    assert good.status_code == 200


async def test_all_refusals_are_one_answer(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    disabled, theirs = await stage.patient(), Authenticator(ORIGIN)
    await add(disabled, theirs)
    id_ = (await disabled.get("/api/accounts/me")).json()["id"]
    await stage.admin().post(f"/api/accounts/{id_}/disable", {"reason": "test"}, expect=200)
    unknown = Authenticator(ORIGIN)
    unknown.user_handle = device.user_handle
    forged = Authenticator(ORIGIN)
    forged.credential_id, forged.user_handle = device.credential_id, device.user_handle
    answers, reasons = [], []
    for one in (theirs, unknown, forged):
        browser = stage.stranger()
        answers.append(told(await show(browser, one.show(await request_options(browser)))))
        reasons.append(stage.entries("login")[-1].reason)
    browser = stage.stranger()
    ticketed = await show(browser, device.show(await request_options(browser)), "no-such-ticket")
    answers.append(told(ticketed))
    assert all(answer == answers[0] for answer in answers)
    assert reasons == ["account-disabled", "passkey-unknown", "passkey-wrong"]


async def test_an_answer_is_good_once_however_often_it_is_sent(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN, counts=False)
    await add(owner, device)
    browser, robber = stage.stranger(), stage.stranger()
    credential = device.show(await request_options(browser))
    answers = await asyncio.gather(*(show(browser, credential) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    told(await show(robber, credential))
    assert stage.entries("login")[-1].reason == "passkey-challenge"


async def test_a_challenge_ends_and_serves_its_own_purpose_only(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    late = device.show(await request_options(owner))
    await stage.clock.advance(VALID_S)
    told(await show(owner, late))
    # Given out for a login without a password, it finishes none with one; nor the other way round.
    ticket = await ticket_of(owner)
    for_login = await request_options(owner)
    told(await show(owner, device.show(for_login), ticket))
    for_factor = await request_options(owner, ticket)
    told(await show(owner, device.show(for_factor)))
    # Nor one of another login of the same account.
    second = await ticket_of(owner)
    told(await show(owner, device.show(await request_options(owner, second)), ticket))


async def test_a_count_that_goes_back_is_refused_and_audited(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    browser = stage.stranger()
    device.count = 41
    assert (await show(browser, device.show(await request_options(browser)))).status_code == 200
    for before in (40, 41, 0):  # a copy of it shows 41, the 42 that was taken, and 1
        device.count = before
        told(await show(browser, device.show(await request_options(browser))))
        assert stage.entries("login")[-1].reason == "passkey-counter"
    device.count = 42
    assert (await show(browser, device.show(await request_options(browser)))).status_code == 200
    # One that has counted does not stop to.
    device.count = -1
    told(await show(browser, device.show(await request_options(browser))))


async def test_of_two_answers_with_one_count_one_is_taken(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    browsers, credentials = (stage.stranger(), stage.stranger()), []
    for browser in browsers:
        device.count = 6
        credentials.append(device.show(await request_options(browser)))
    answers = await asyncio.gather(*map(show, browsers, credentials))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_one_that_does_not_count_logs_in_again_and_again(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN, synced=True, counts=False)
    await add(owner, device)
    for _ in range(3):
        answer = await show(owner, device.show(await request_options(owner)))
        assert answer.status_code == 200


async def test_anothers_passkey_finishes_no_login(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    thief, theirs = await stage.patient(), Authenticator(ORIGIN)
    await add(thief, theirs)
    ticket = await ticket_of(owner)  # the thief knows the password
    options = await request_options(thief, ticket)
    told(await show(thief, theirs.show(options), ticket))
    assert stage.entries("login.mfa")[-1].reason == "passkey-unknown"


async def test_a_challenged_login_has_so_many_attempts(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    ticket = await ticket_of(owner)
    for _ in range(ATTEMPTS):
        forged = Authenticator(ORIGIN)
        told(await show(owner, forged.show(await request_options(owner, ticket)), ticket))
    options = await request_options(owner, ticket)
    told(await show(owner, device.show(options), ticket))
    assert stage.entries("login.mfa")[-1].reason == "attempts"


async def test_attempts_from_one_address_are_slowed_down_and_good_ones_are_not_counted(
    stage: Stage,
) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    browser, unknown = stage.stranger(), Authenticator(ORIGIN)
    for _ in range(3):
        good = await show(browser, device.show(await request_options(browser)))
        assert good.status_code == 200
    statuses = []
    for _ in range(ADDRESS.free + 2):
        credential = unknown.show(await request_options(browser))
        statuses.append((await show(browser, credential)).status_code)
    assert statuses == [401] * (ADDRESS.free + 1) + [429]


async def test_a_known_device_is_no_news_to_the_owner(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    await stage.clock.advance(7200.0)
    known = owner.device_token
    answer = await show(owner, device.show(await request_options(owner)), device_token=known)
    assert answer.json()["device_token"] == known
    assert (await stage.mailbox.kinds(owner.email))[-1] == "security_changed"
    await show(owner, device.show(await request_options(owner)))
    assert (await stage.mailbox.kinds(owner.email))[-1] == "new_sign_in"


async def test_nothing_is_let_in_that_cannot_be_audited(stage: Stage) -> None:
    owner, device = await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    credential = device.show(await request_options(owner))
    stage.trail.available = False
    try:
        problem(await show(owner, credential), 503, "audit-unavailable")
    finally:
        stage.trail.available = True
    told(await show(owner, credential))  # its challenge was used
    assert (await show(owner, device.show(await request_options(owner)))).status_code == 200
