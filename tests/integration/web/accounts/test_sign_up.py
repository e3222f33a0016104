"""Signing up: an address becomes an account when it has proved to be its owner's."""

from __future__ import annotations

import pytest

from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import PASSWORD, Stage
from tests.integration.web.api import problem

VERIFICATION = "/api/accounts/verification"


async def test_a_patient_signs_up_proves_the_address_and_has_a_record(stage: Stage) -> None:
    caller = stage.stranger()
    caller.email = somebody()
    await caller.sign_up()
    problem(await caller.try_log_in(), 401, "invalid-credentials")  # not proved yet

    verified = (await caller.follow("verify_email", "verify", VERIFICATION)).json()
    assert (verified["role"], verified["status"]) == ("patient", "active")
    opened = await caller.log_in()
    assert opened["status"] == "opened" and opened["subject"] == verified["subject"]

    record = (await caller.get(f"/api/patients/{opened['subject']}")).json()
    assert record["name"] == "Asha Rao" and record["email"] == caller.email
    me = (await caller.get("/api/accounts/me")).json()
    assert me["id"] == opened["account_id"] and me["second_factors"] == []
    assert [entry.subject for entry in stage.entries("account.verify")][-1] == opened["subject"]


async def test_a_link_is_good_once_and_for_a_day(stage: Stage) -> None:
    caller = stage.stranger()
    caller.email = somebody()
    await caller.sign_up()
    await stage.later(24 * 3600.0)
    problem(await caller.follow("verify_email", "verify", VERIFICATION), 410, "link-ended")
    await caller.sign_up()
    assert (await caller.follow("verify_email", "verify", VERIFICATION)).status_code == 200
    problem(await caller.follow("verify_email", "verify", VERIFICATION), 410, "link-ended")
    problem(await caller.post(VERIFICATION, {"token": "x" * 43}), 410, "link-ended")


async def test_the_answer_does_not_say_whether_the_address_has_an_account(stage: Stage) -> None:
    known = await stage.patient()
    stranger = stage.stranger()
    answers = []
    for email in (known.email, known.email.upper(), somebody()):
        stranger.email = email
        answers.append((await stranger.sign_up()).json())
    assert answers[0] == answers[1] == answers[2]
    assert await stage.mailbox.kinds(known.email) == ["verify_email", "account_exists"]
    reset = "/api/accounts/password-reset"
    answers = [
        (await stranger.post(reset, {"email": email}, expect=202)).json()
        for email in (known.email, somebody(), "no address at all")
    ]
    assert answers[0] == answers[1] == answers[2]


async def test_who_signs_up_first_with_anothers_address_gets_nothing_of_the_account(
    stage: Stage,
) -> None:
    owner, thief = stage.stranger(), stage.stranger()
    owner.email = thief.email = somebody()
    thief.password = "thiefs-own-passphrase-77"
    await thief.sign_up()
    (first,) = await stage.mailbox.letters(owner.email)
    await owner.sign_up()
    both = await stage.mailbox.letters(owner.email)
    (own,) = (letter for letter in both if letter != first)
    await owner.post(VERIFICATION, {"token": own.token("verify")})
    problem(await thief.try_log_in(), 401, "invalid-credentials")
    await owner.log_in()
    # And the thief's own link is worth nothing any more.
    problem(await thief.post(VERIFICATION, {"token": first.token("verify")}), 410, "link-ended")


async def test_a_request_repeated_with_its_key_writes_one_letter(stage: Stage) -> None:
    caller = stage.stranger()
    caller.email = somebody()
    body = {"email": caller.email, "password": PASSWORD, "name": "Asha", "phone": "080 5550101"}
    for _ in range(2):
        await caller.post("/api/accounts", body, key="the-very-same-request", expect=202)
    assert await stage.mailbox.kinds(caller.email) == ["verify_email"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"password": "short"}, "/password"),
        ({"password": "iloveyou1"}, "/password"),
        ({"password": "Asha.Rao.1980"}, "/password"),
        ({"password": "aaaaaaaaaaaaaaaaaaaa"}, "/password"),
        ({"password": "x" * 257}, "/password"),
        ({"email": "nobody"}, "/email"),
        ({"email": "a@example.org\r\nBcc: all@example.org"}, "/email"),
        ({"phone": "call me"}, "/phone"),
        ({"role": "admin"}, ""),
    ],
)
async def test_what_can_never_be_is_refused_where_it_is_wrong(
    stage: Stage, change: dict[str, str], pointer: str
) -> None:
    body = {"email": somebody(), "password": PASSWORD, "name": "Asha Rao", "phone": "0805550101"}
    response = await stage.stranger().post("/api/accounts", {**body, **change})
    assert problem(response, 422, "invalid-body")["errors"][0]["pointer"] == pointer
    secret = change.get("password", "")
    assert len(secret) < 6 or secret not in response.text
