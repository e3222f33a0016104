"""Passwords forgotten and changed, addresses changed."""

from __future__ import annotations

from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import PASSWORD, Stage
from tests.integration.web.api import problem

NEW = "marzipan-kelp-otter-58"
RESET = "/api/accounts/password-reset"
EMAIL = "/api/accounts/me/email"


async def test_a_forgotten_password_is_set_anew_and_all_sessions_end(stage: Stage) -> None:
    caller = await stage.patient()
    await stage.stranger().post(RESET, {"email": caller.email.upper()}, expect=202)
    path = f"{RESET}/confirmation"
    weak = await caller.follow("reset_password", "reset", path, password="password1")
    problem(weak, 422, "invalid-body")
    done = await caller.follow("reset_password", "reset", path, password=NEW)
    assert done.status_code == 200
    problem(await caller.try_refresh(), 401, "invalid-credentials")
    problem(await caller.try_log_in(), 401, "invalid-credentials")
    caller.password = NEW
    await caller.log_in()
    assert "security_changed" in await stage.mailbox.kinds(caller.email)
    again = await caller.follow("reset_password", "reset", path, password=PASSWORD)
    problem(again, 410, "link-ended")
    assert stage.entries("account.reset_password")[-1].outcome == "allowed"


async def test_a_reset_asks_for_the_second_factor_as_before(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    await caller.post(RESET, {"email": caller.email}, expect=202)
    await caller.follow("reset_password", "reset", f"{RESET}/confirmation", password=NEW)
    caller.password = NEW
    assert (await caller.try_log_in()).json()["status"] == "second_factor_needed"


async def test_a_link_is_good_for_an_hour(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.post(RESET, {"email": caller.email}, expect=202)
    await stage.later(3600.0)
    late = await caller.follow("reset_password", "reset", f"{RESET}/confirmation", password=NEW)
    problem(late, 410, "link-ended")


async def test_nobody_is_written_to_who_has_no_account(stage: Stage) -> None:
    email, unverified = somebody(), stage.stranger()
    unverified.email = somebody()
    await unverified.sign_up()
    for address in (email, unverified.email):
        await stage.stranger().post(RESET, {"email": address}, expect=202)
    assert await stage.mailbox.kinds(email) == []
    assert await stage.mailbox.kinds(unverified.email) == ["verify_email"]


async def test_a_changed_password_ends_the_other_sessions(stage: Stage) -> None:
    here = await stage.patient()
    there = stage.stranger()
    there.email = here.email
    await there.log_in()
    path = "/api/accounts/me/password"
    wrong = {"current_password": "not-the-password", "password": NEW}
    problem(await here.post(path, wrong), 401, "invalid-credentials")
    await here.post(path, {"current_password": PASSWORD, "password": NEW}, expect=204)
    problem(await there.try_refresh(), 401, "invalid-credentials")
    await here.refresh()
    here.password = NEW
    await here.log_in()


async def test_a_stolen_token_is_no_way_to_guess_the_password(stage: Stage) -> None:
    caller = await stage.patient()
    body = {"current_password": "a-guess", "password": NEW}
    path = "/api/accounts/me/password"
    statuses = [(await caller.post(path, body)).status_code for _ in range(7)]
    assert statuses == [401] * 6 + [429]


async def test_an_address_is_changed_by_the_mailbox_it_is_changed_to(stage: Stage) -> None:
    caller, new = await stage.patient(), somebody()
    old = caller.email
    await caller.post(EMAIL, {"email": new, "password": caller.password}, expect=202)
    assert await stage.mailbox.kinds(new) == ["confirm_new_email"]
    assert (await stage.mailbox.kinds(old))[-1] == "email_change_requested"
    await caller.log_in()  # by the old one, still
    caller.email = new
    path = "/api/accounts/email-change/confirmation"
    assert (await caller.follow("confirm_new_email", "email", path)).status_code == 204
    assert (await stage.mailbox.kinds(old))[-1] == "email_changed"
    assert new not in (await stage.mailbox.letters(old))[-1].text
    await caller.log_in()
    caller.email = old
    problem(await caller.try_log_in(), 401, "invalid-credentials")
    caller.email = new
    problem(await caller.follow("confirm_new_email", "email", path), 410, "link-ended")


async def test_the_answer_does_not_say_whether_the_new_address_has_an_account(
    stage: Stage,
) -> None:
    caller, other = await stage.patient(), await stage.patient()
    answers = [
        (await caller.post(EMAIL, {"email": email, "password": PASSWORD}, expect=202)).json()
        for email in (other.email, somebody())
    ]
    assert answers[0] == answers[1]
    assert (await stage.mailbox.kinds(other.email))[-1] == "account_exists"


async def test_of_two_who_want_one_address_the_first_to_prove_it_has_it(stage: Stage) -> None:
    first, second, email = await stage.patient(), await stage.patient(), somebody()
    tokens = []
    for caller in (first, second):
        await caller.post(EMAIL, {"email": email, "password": PASSWORD}, expect=202)
        letter = await stage.mailbox.newest(email, "confirm_new_email")
        tokens.append(letter.token("email"))
    path = "/api/accounts/email-change/confirmation"
    await first.post(path, {"token": tokens[0]}, expect=204)
    problem(await second.post(path, {"token": tokens[1]}), 410, "link-ended")
    second_email = second.email
    await second.log_in()
    assert second.email == second_email
