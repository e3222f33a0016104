"""An account's passkeys: added with a browser's answer, listed, taken away; through the REST door,
with an authenticator in software."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from storage.encryption import BadSeal
from tests.authenticator import PRESENT, VERIFIED, Authenticator, b64, unb64
from tests.integration.web.accounts.passkeys import (
    LOGIN,
    ORIGIN,
    OWN,
    add,
    creation_options,
    request_options,
    show,
    ticket_of,
)
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import problem
from web.accounts.passkeys.ceremony import VALID_S
from web.accounts.passkeys.enrolment import MOST

REFUSED = (401, "invalid-credentials")


async def made(caller: Caller, credential: Any) -> Any:
    return await caller.post(OWN, {"name": "a key", "credential": credential})


async def test_the_options_ask_for_a_passkey_that_names_nobody_and_verifies_its_user(
    stage: Stage,
) -> None:
    caller = await stage.patient()
    options = await creation_options(caller)
    assert options["rp"] == {"id": "care.example.org", "name": "MaxRay"}
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert options["attestation"] == "none"
    assert {"type": "public-key", "alg": -7} in options["pubKeyCredParams"]
    assert caller.email.encode() not in unb64(options["user"]["id"])
    assert len(unb64(options["challenge"])) >= 16
    assert options["timeout"] == VALID_S * 1000


async def test_a_passkey_is_added_named_listed_and_told_to_its_owner(stage: Stage) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN, synced=True)
    added = await add(caller, device, "Asha's phone")
    assert len(added["recovery_codes"]) == 10 and added["session"] is None
    (listed,) = (await caller.get(OWN)).json()["items"]
    assert listed == added["passkey"]
    assert (listed["name"], listed["synced"], listed["used_at"]) == ("Asha's phone", True, None)
    me = (await caller.get("/api/accounts/me")).json()
    assert me["second_factors"] == ["passkey", "recovery_code"]
    assert me["recovery_codes_left"] == 10
    newest = (await stage.mailbox.letters(caller.email))[-1]
    assert newest.kind == "security_changed"
    line = stage.entries("mfa.enrol")[-1]
    assert (line.outcome, line.reason, line.id) == ("allowed", "passkey", me["id"])
    # The next one is told which there is; and a second passkey makes no codes anew.
    options = await creation_options(caller)
    (known,) = options["excludeCredentials"]
    assert unb64(known["id"]) == device.credential_id
    assert known["transports"] == ["internal", "hybrid"]
    assert (await add(caller, Authenticator(ORIGIN)))["recovery_codes"] == []


async def test_the_password_is_asked_for_before_a_passkey_is_made(stage: Stage) -> None:
    caller = await stage.patient()
    problem(await caller.post(f"{OWN}/options", {}), 422, "invalid-body")
    problem(await caller.post(f"{OWN}/options", {"password": "not it"}), *REFUSED)
    operator = await stage.admin().post(f"{OWN}/options", {"password": "x"})
    problem(operator, 403, "no-account")


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://care.example.org.evil.example"},
        {"origin": "http://care.example.org"},
        {"origin": "https://sub.care.example.org"},
        {"rp_id": "example.org"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"cross_origin": True},
        {"challenge": b64(bytes(40))},
        {"public_key": b"\x00"},
        {"public_key": bytes.fromhex("a5010203262001215820" + "11" * 32 + "225820" + "11" * 32)},
    ],
    ids=str,
)
async def test_what_was_made_otherwise_than_asked_is_refused(
    stage: Stage, wrong: dict[str, Any]
) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    credential = device.make(await creation_options(caller), **wrong)
    problem(await made(caller, credential), *REFUSED)
    assert (await caller.get(OWN)).json() == {"items": []}
    assert stage.entries("mfa.enrol")[-1].outcome == "denied"


async def test_garbage_is_refused_and_breaks_nothing(stage: Stage) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    for field, value in (
        ("attestationObject", b64(b"\xa1" * 4000)),
        ("attestationObject", b64(b"\x9f" * 60)),
        ("attestationObject", "A"),
        ("clientDataJSON", b64(b"[]")),
        ("clientDataJSON", b64(b'{"type": 1, "challenge": 2, "origin": 3}')),
        ("clientDataJSON", b64(b"[" * 30_000)),
    ):
        credential = device.make(await creation_options(caller))
        credential["response"][field] = value
        problem(await made(caller, credential), *REFUSED)
    credential["response"][field] = "no base64 this"
    problem(await made(caller, credential), 422, "invalid-body")


async def test_a_challenge_is_good_once_for_one_session_and_for_minutes(stage: Stage) -> None:
    caller, other = await stage.patient(), await stage.patient()
    options = await creation_options(caller)
    # Another's session, the login's challenge, and a second time: none of them.
    problem(await made(other, Authenticator(ORIGIN).make(options)), *REFUSED)
    first = Authenticator(ORIGIN)
    assert (await made(caller, first.make(options))).status_code == 201
    problem(await made(caller, Authenticator(ORIGIN).make(options)), *REFUSED)
    challenge = (await request_options(stage.stranger()))["challenge"]
    late = await creation_options(caller)
    problem(await made(caller, Authenticator(ORIGIN).make(late, challenge=challenge)), *REFUSED)
    await stage.clock.advance(VALID_S)
    problem(await made(caller, Authenticator(ORIGIN).make(late)), *REFUSED)
    assert len((await caller.get(OWN)).json()["items"]) == 1


async def test_a_challenge_of_a_wrong_answer_is_used_up_too(stage: Stage) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    options = await creation_options(caller)
    problem(await made(caller, device.make(options, origin="https://evil.example")), *REFUSED)
    problem(await made(caller, device.make(options)), *REFUSED)


async def test_a_credential_belongs_to_one_account(stage: Stage) -> None:
    owner, thief, device = await stage.patient(), await stage.patient(), Authenticator(ORIGIN)
    await add(owner, device)
    again = device.make(await creation_options(thief))
    problem(await made(thief, again), *REFUSED)
    assert stage.entries("mfa.enrol")[-1].reason == "passkey-known"


async def test_an_account_has_a_number_of_them_at_most(stage: Stage) -> None:
    caller = await stage.patient()
    for _ in range(MOST - 1):
        await add(caller, Authenticator(ORIGIN))
    two = [await creation_options(caller) for _ in range(2)]
    assert (await made(caller, Authenticator(ORIGIN).make(two[0]))).status_code == 201
    problem(await made(caller, Authenticator(ORIGIN).make(two[1])), 409, "too-many-passkeys")
    refused = await caller.post(f"{OWN}/options", {"password": caller.password})
    problem(refused, 409, "too-many-passkeys")


async def test_staff_enrol_by_a_passkey_and_are_whole(stage: Stage) -> None:
    staff, device = await stage.staff(), Authenticator(ORIGIN)
    assert (await staff.log_in())["status"] == "enrolment_needed"
    added = await add(staff, device)
    assert added["session"]["second_factor"] and len(added["recovery_codes"]) == 10
    await staff.get("/api/sessions")
    found = (await staff.try_log_in()).json()
    assert found["factors"] == ["passkey", "recovery_code"]


async def test_removal_takes_the_password_and_leaves_staff_no_less_than_one(stage: Stage) -> None:
    staff, first, second = await stage.staff(), Authenticator(ORIGIN), Authenticator(ORIGIN)
    await staff.log_in()
    one = (await add(staff, first))["passkey"]["id"]
    two = (await add(staff, second))["passkey"]["id"]
    problem(await staff.post(f"{OWN}/{one}/removal", {"password": "not it"}), *REFUSED)
    await staff.post(f"{OWN}/{one}/removal", {"password": staff.password}, expect=204)
    again = await staff.post(f"{OWN}/{one}/removal", {"password": staff.password})
    problem(again, 404, "not-found")
    last = await staff.post(f"{OWN}/{two}/removal", {"password": staff.password})
    problem(last, 409, "second-factor-required")
    # What was taken away opens nothing; what was kept does.
    stranger = stage.stranger()
    gone = await show(stranger, first.show(await request_options(stranger)))
    problem(gone, *REFUSED)
    kept = await show(stranger, second.show(await request_options(stranger)))
    assert kept.status_code == 200
    assert [line.reason for line in stage.entries("mfa.remove")][-1] == "passkey"


async def test_nobody_removes_anothers(stage: Stage) -> None:
    owner, thief, device = await stage.patient(), await stage.patient(), Authenticator(ORIGIN)
    id_ = (await add(owner, device))["passkey"]["id"]
    tried = await thief.post(f"{OWN}/{id_}/removal", {"password": thief.password})
    problem(tried, 404, "not-found")
    assert len((await owner.get(OWN)).json()["items"]) == 1


async def test_recovery_codes_go_with_the_last_second_factor_and_not_before(stage: Stage) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    id_ = (await add(caller, device))["passkey"]["id"]
    await caller.enrol()
    body = {"password": caller.password, "code": await caller.next_code()}
    await caller.post("/api/accounts/me/totp/removal", body, expect=204)
    me = (await caller.get("/api/accounts/me")).json()
    assert (me["second_factors"], me["recovery_codes_left"]) == (["passkey", "recovery_code"], 10)
    await caller.post(f"{OWN}/{id_}/removal", {"password": caller.password}, expect=204)
    me = (await caller.get("/api/accounts/me")).json()
    assert (me["second_factors"], me["recovery_codes_left"]) == ([], 0)
    assert (await caller.log_in())["status"] == "opened"


async def test_a_reset_by_an_administrator_takes_passkeys_away(stage: Stage) -> None:
    staff, device = await stage.staff(), Authenticator(ORIGIN)
    await staff.log_in()
    await add(staff, device)
    id_ = (await staff.get("/api/accounts/me")).json()["id"]
    await stage.admin().post(f"/api/accounts/{id_}/totp-reset", expect=204)
    problem(await show(staff, device.show(await request_options(staff))), *REFUSED)
    assert (await staff.log_in())["status"] == "enrolment_needed"


async def test_the_tables_say_nothing_and_take_no_other_key(
    stage: Stage, accounts_url: str
) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    await add(caller, device, "the name of somebody")
    other, theirs = await stage.patient(), Authenticator(ORIGIN)
    await add(other, theirs)
    connection = await asyncpg.connect(accounts_url)
    try:
        rows = await connection.fetch("SELECT * FROM passkey")
        clear = b"".join(bytes(row["sealed"]) + bytes(row["digest"]) for row in rows)
        assert b"the name" not in clear and device.credential_id not in clear
        # Who writes the table cannot give the passkey of one account to another.
        mine = (await caller.get(OWN)).json()["items"][0]["id"]
        account = (await other.get("/api/accounts/me")).json()["id"]
        await connection.execute(
            "UPDATE passkey SET account_id = $2::uuid WHERE id = $1::uuid", mine, account
        )
        with pytest.raises(BadSeal):
            await stage.accounts.parts.store.passkeys.by_credential(device.credential_id)
        await connection.execute("DELETE FROM passkey WHERE id = $1::uuid", mine)
    finally:
        await connection.close()


async def test_used_challenges_are_forgotten_when_they_would_be_over(
    stage: Stage, accounts_url: str
) -> None:
    caller = await stage.patient()
    await add(caller, Authenticator(ORIGIN))
    connection = await asyncpg.connect(accounts_url)
    try:
        count = "SELECT count(*) FROM passkey_challenge"
        await stage.accounts.prune()
        assert await connection.fetchval(count) > 0
        await stage.clock.advance(VALID_S + 1)
        await stage.accounts.prune()
        assert await connection.fetchval(count) == 0
    finally:
        await connection.close()


async def test_a_ticket_is_asked_for_its_accounts_passkeys(stage: Stage) -> None:
    caller, device = await stage.patient(), Authenticator(ORIGIN)
    await add(caller, device)
    ticket = await ticket_of(caller)
    options = await request_options(caller, ticket)
    assert [unb64(one["id"]) for one in options["allowCredentials"]] == [device.credential_id]
    assert options["userVerification"] == "required" and options["rpId"] == "care.example.org"
    unknown = await caller.post(f"{LOGIN}/options", {"ticket": "no-such-ticket"})
    problem(unknown, *REFUSED)
