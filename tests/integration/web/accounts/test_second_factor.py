"""The second factor: staff cannot be without, patients are asked for theirs where they have one."""

from __future__ import annotations

import pyotp
from jwt import decode as decode_jwt

from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import problem

SECOND = "/api/sessions/second-factor"
TOTP = "/api/accounts/me/totp"


async def test_staff_get_nothing_whole_before_they_have_a_second_factor(stage: Stage) -> None:
    staff = await stage.staff("ops")
    found = await staff.log_in()
    assert found["status"] == "enrolment_needed" and "refresh_token" not in found
    for method, path in (("GET", "/api/patients"), ("GET", "/api/sessions"), ("GET", "/metrics")):
        response = await staff.call(method, path)
        problem(response, 403, "second-factor-required")
    whole = await staff.enrol()
    assert whole["session"]["second_factor"] and len(set(whole["recovery_codes"])) == 10
    await staff.get("/api/patients")
    me = (await staff.get("/api/accounts/me")).json()
    assert me["second_factors"] == ["totp", "recovery_code"] and me["recovery_codes_left"] == 10
    claims = decode_jwt(staff.access_token, options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    await staff.refresh()
    await staff.get("/api/patients")
    problem(
        await staff.post(f"{TOTP}/removal", {"password": staff.password, "code": "1"}),
        409,
        "second-factor-required",
    )


async def test_the_offer_is_an_otpauth_address_and_a_qr_code_of_it(stage: Stage) -> None:
    caller = await stage.patient()
    wrong = await caller.post(TOTP, {"password": "not-the-password"})
    problem(wrong, 401, "invalid-credentials")
    problem(await caller.post(TOTP, {}), 422, "invalid-body")
    offer = (await caller.post(TOTP, {"password": caller.password}, expect=200)).json()
    assert offer["otpauth_uri"].startswith("otpauth://totp/MaxRay:")
    assert f"secret={offer['secret']}" in offer["otpauth_uri"]
    assert offer["qr_svg"].startswith("<svg") and offer["qr_svg"].rstrip().endswith("</svg>")
    # Until it is confirmed, nothing has changed.
    await caller.log_in()


async def test_a_patient_who_has_one_is_asked_for_it(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    me = (await caller.get("/api/accounts/me")).json()
    whose = (me["id"], me["subject"])
    assert await stage.mailbox.kinds(caller.email) == ["verify_email", "security_changed"]
    problem(await caller.post(TOTP, {"password": caller.password}), 409, "already-enrolled")
    challenge = (await caller.try_log_in()).json()
    assert challenge["status"] == "second_factor_needed"
    assert challenge["factors"] == ["totp", "recovery_code"]
    problem(await caller.get("/api/accounts/me", expect=None), 401, "unauthorized")
    known = len(stage.trail.entries)
    opened = await caller.log_in()
    assert opened["second_factor"] is True
    assert [
        (line.action, line.outcome, line.reason, line.id, line.subject, line.details)
        for line in stage.trail.entries[known:]
    ] == [
        ("login", "allowed", "second-factor-next", *whose, {}),
        ("login.mfa", "allowed", "otp.mfa", *whose, {"session": opened["session_id"]}),
    ]
    await caller.get("/api/accounts/me")


async def test_a_code_is_good_once(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    first, second = (await caller.try_log_in()).json(), (await caller.try_log_in()).json()
    code = await caller.next_code()
    before = caller.code()
    assert before == code
    await caller.post(SECOND, {"ticket": first["ticket"], "code": code}, expect=200)
    replayed = await caller.post(SECOND, {"ticket": second["ticket"], "code": code})
    problem(replayed, 401, "invalid-credentials")
    # Nor is one of the step before it, which nobody used.
    assert caller.totp is not None
    older = caller.totp.at(int(stage.clock.now()) - 30)
    problem(
        await caller.post(SECOND, {"ticket": second["ticket"], "code": older}),
        401,
        "invalid-credentials",
    )
    body = {"ticket": second["ticket"], "code": await caller.next_code()}
    await caller.post(SECOND, body, expect=200)


async def test_a_clock_may_be_a_step_off_and_no_more(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    assert caller.totp is not None
    await stage.later(300.0)
    ticket = (await caller.try_log_in()).json()["ticket"]
    now = int(stage.clock.now())
    for drift in (-60, 60):
        body = {"ticket": ticket, "code": caller.totp.at(now + drift)}
        problem(await caller.post(SECOND, body), 401, "invalid-credentials")
    await caller.post(SECOND, {"ticket": ticket, "code": caller.totp.at(now - 30)}, expect=200)


async def test_wrong_codes_and_tickets_are_one_answer_and_five_end_the_challenge(
    stage: Stage,
) -> None:
    caller = await stage.patient()
    await caller.enrol()
    ticket = (await caller.try_log_in()).json()["ticket"]
    refusals = []
    for body in (
        {"ticket": ticket, "code": "000000"},
        {"ticket": ticket, "code": "é½"},
        {"ticket": ticket, "factor": "recovery_code", "code": "0000-0000-0000-0000"},
        {"ticket": "no-such-ticket", "code": "000000"},
        {"ticket": ticket, "code": "11111"},
        {"ticket": ticket, "code": "222222"},
    ):
        found = problem(await caller.post(SECOND, body), 401, "invalid-credentials")
        refusals.append({**found, "request_id": ""})
    assert all(refusal == refusals[0] for refusal in refusals)
    # The right one comes too late for this ticket; a new one needs the password.
    late = await caller.post(SECOND, {"ticket": ticket, "code": await caller.next_code()})
    problem(late, 401, "invalid-credentials")
    await caller.log_in()


async def test_a_ticket_ends_by_itself_and_with_its_use(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    ticket = (await caller.try_log_in()).json()["ticket"]
    await stage.later(601.0)
    response = await caller.post(SECOND, {"ticket": ticket, "code": caller.code()})
    problem(response, 401, "invalid-credentials")
    ticket = (await caller.try_log_in()).json()["ticket"]
    body = {"ticket": ticket, "code": await caller.next_code()}
    await caller.post(SECOND, body, expect=200)
    body = {"ticket": ticket, "code": await caller.next_code()}
    problem(await caller.post(SECOND, body), 401, "invalid-credentials")


async def test_a_recovery_code_opens_once_however_it_is_typed(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    typed = caller.recovery_codes[0].upper().replace("-", " ").replace("0", "O")
    ticket = (await caller.try_log_in()).json()["ticket"]
    body = {"ticket": ticket, "factor": "recovery_code", "code": typed}
    caller.take((await caller.post(SECOND, body, expect=200)).json())
    assert (await caller.get("/api/accounts/me")).json()["recovery_codes_left"] == 9
    ticket = (await caller.try_log_in()).json()["ticket"]
    again = await caller.post(SECOND, {**body, "ticket": ticket})
    problem(again, 401, "invalid-credentials")
    other = await stage.patient()
    await other.enrol()
    ticket = (await other.try_log_in()).json()["ticket"]
    body = {"ticket": ticket, "factor": "recovery_code", "code": caller.recovery_codes[1]}
    problem(await other.post(SECOND, body), 401, "invalid-credentials")


async def test_new_recovery_codes_replace_the_old_ones(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    path, old = "/api/accounts/me/recovery-codes", caller.recovery_codes
    problem(await caller.post(path, {"code": "000000"}), 401, "invalid-credentials")
    made = (await caller.post(path, {"code": await caller.next_code()}, expect=200)).json()
    assert len(made["recovery_codes"]) == 10 and not set(made["recovery_codes"]) & set(old)
    problem(await caller.post(path, {"code": old[0]}), 401, "invalid-credentials")
    await caller.post(path, {"code": made["recovery_codes"][0]}, expect=200)


async def test_a_patient_may_do_without_again(stage: Stage) -> None:
    caller = await stage.patient()
    await caller.enrol()
    path = f"{TOTP}/removal"
    body = {"password": "not-the-password", "code": await caller.next_code()}
    problem(await caller.post(path, body), 401, "invalid-credentials")
    body = {"password": caller.password, "code": "000000"}
    problem(await caller.post(path, body), 401, "invalid-credentials")
    await caller.post(path, {**body, "code": await caller.next_code()}, expect=204)
    assert (await caller.try_log_in()).json()["status"] == "opened"


async def test_an_administrator_helps_one_who_lost_everything(stage: Stage) -> None:
    staff = await stage.staff("auditor")
    await staff.log_in()
    await staff.enrol()
    id_ = (await staff.get("/api/accounts/me")).json()["id"]
    await stage.admin().post(f"/api/accounts/{id_}/totp-reset", expect=204)
    problem(await staff.try_refresh(), 401, "invalid-credentials")
    assert (await staff.log_in())["status"] == "enrolment_needed"
    assert stage.entries("mfa.reset")[-1].subject == "root"


async def test_an_offer_that_was_not_confirmed_in_time_is_worth_nothing(stage: Stage) -> None:
    caller = await stage.patient()
    offer = (await caller.post(TOTP, {"password": caller.password}, expect=200)).json()
    caller.totp = pyotp.TOTP(offer["secret"])
    for _ in range(2):
        await stage.later(890.0)
        await caller.refresh()
    body = {"code": await caller.next_code()}
    problem(await caller.post(f"{TOTP}/confirmation", body), 401, "invalid-credentials")
