"""Administrators: who is invited, disabled, let in again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from actors.domain.kernel import Sender
from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import PASSWORD, Stage
from tests.integration.web.api import DOCTOR, problem
from tests.integration.web.conftest import SECRET
from tests.waiting import until
from web import tokens

INVITATIONS = "/api/accounts/invitations"
NOBODY = "019a0000-0000-7000-8000-000000000000"


async def test_an_invited_administrator_invites_others(stage: Stage) -> None:
    chief = await stage.staff("admin")
    await chief.log_in()
    await chief.enrol()
    email = somebody()
    await stage.later(1.0)
    made = (await chief.post(INVITATIONS, {"email": email, "role": "ops"}, expect=201)).json()
    assert made["account"]["status"] == "invited" and "link" not in made
    assert made["account"]["subject"] == made["account"]["id"]
    letter = await stage.mailbox.newest(email, "staff_invitation")
    assert letter.token("invite") not in str(made)
    page = (await chief.get("/api/accounts?limit=2")).json()
    assert page["items"][0]["email"] == email and page["next"]
    entry = stage.entries("account.invite")[-1]
    assert (entry.role, entry.reason, entry.id) == ("admin", "ops", made["account"]["id"])


async def test_a_doctor_is_invited_for_a_record_and_speaks_for_it(stage: Stage) -> None:
    admin, doctor = stage.admin(), stage.stranger()
    record = (await admin.post("/api/doctors", DOCTOR, expect=201, key=uuid4().hex)).json()["id"]
    doctor.email = somebody()
    body = {"email": doctor.email, "role": "doctor", "subject": record}
    await admin.post(INVITATIONS, body, expect=201)
    path = f"{INVITATIONS}/acceptance"
    accepted = await doctor.follow("staff_invitation", "invite", path, password=PASSWORD)
    assert accepted.json()["subject"] == record
    await doctor.log_in()
    await doctor.enrol()
    await doctor.get(f"/api/doctors/{record}")
    # A record has one account, and a doctor's one needs a record.
    again = await admin.post(INVITATIONS, {**body, "email": somebody()})
    problem(again, 409, "account-exists")
    for wrong in ({"subject": None}, {"role": "ops"}):
        response = await admin.post(INVITATIONS, {**body, "email": somebody(), **wrong})
        problem(response, 409, "invalid-invitation")
    missing = await admin.post(INVITATIONS, {**body, "email": somebody(), "subject": NOBODY})
    problem(missing, 404, "not-found")


async def test_an_invitation_ends_after_a_week_and_is_made_anew(stage: Stage) -> None:
    admin, caller = stage.admin(), stage.stranger()
    caller.email = somebody()
    body, path = {"email": caller.email, "role": "ops"}, f"{INVITATIONS}/acceptance"
    await admin.post(INVITATIONS, body, expect=201)
    first = await stage.mailbox.newest(caller.email, "staff_invitation")
    await stage.later(7 * 86_400.0)
    late = await caller.post(path, {"token": first.token("invite"), "password": PASSWORD})
    problem(late, 410, "link-ended")
    admin = stage.admin()
    await admin.post(INVITATIONS, {**body, "role": "auditor"}, expect=201)
    weak = await caller.follow("staff_invitation", "invite", path, password="12345678")
    problem(weak, 422, "invalid-body")
    done = await caller.follow("staff_invitation", "invite", path, password=PASSWORD)
    assert done.json()["role"] == "auditor"
    problem(await admin.post(INVITATIONS, body), 409, "account-exists")


async def test_a_disabled_account_does_nothing_from_that_moment_on(stage: Stage) -> None:
    caller = await stage.patient()
    id_ = (await caller.get("/api/accounts/me")).json()["id"]
    told: list[tuple[str, str]] = []

    async def tell(role: str, subject: str) -> None:
        told.append((role, subject))

    stage.accounts.on_disabled(tell)
    body, path = {"reason": "device-lost"}, f"/api/accounts/{id_}"
    gone = (await stage.admin().post(f"{path}/disable", body, expect=200)).json()
    assert gone["status"] == "disabled" and told == [("patient", gone["subject"])]

    async def refused() -> bool:
        return (await caller.get("/api/accounts/me", expect=None)).status_code == 401

    await until(refused)
    problem(await caller.try_refresh(), 401, "invalid-credentials")
    problem(await caller.try_log_in(), 401, "invalid-credentials")
    await caller.post("/api/accounts/password-reset", {"email": caller.email}, expect=202)
    assert "reset_password" not in await stage.mailbox.kinds(caller.email)
    again = await stage.admin().post(f"{path}/disable", body)
    assert problem(again, 409, "impossible-transition")["allowed"] == [
        "enable",
        "reinstate:staff",
        "reinstate:patient",
    ]
    await stage.admin().post(f"{path}/enable", expect=200)
    await caller.log_in()
    entry = stage.entries("account.disable")[-1]
    assert (entry.subject, entry.reason, entry.patients) == (
        "root",
        "device-lost",
        (gone["subject"],),
    )


async def test_who_never_came_is_let_in_again_as_invited(stage: Stage) -> None:
    admin, caller = stage.admin(), stage.stranger()
    caller.email = somebody()
    body = {"email": caller.email, "role": "ops"}
    id_ = (await admin.post(INVITATIONS, body, expect=201)).json()["account"]["id"]
    await admin.post(f"/api/accounts/{id_}/disable", {"reason": "mistake"}, expect=200)
    path = f"{INVITATIONS}/acceptance"
    ended = await caller.follow("staff_invitation", "invite", path, password=PASSWORD)
    problem(ended, 410, "link-ended")
    problem(await admin.post(INVITATIONS, body), 409, "account-exists")
    enabled = (await admin.post(f"/api/accounts/{id_}/enable", expect=200)).json()
    assert enabled["status"] == "invited"
    await admin.post(INVITATIONS, body, expect=201)
    done = await caller.follow("staff_invitation", "invite", path, password=PASSWORD)
    assert done.status_code == 200


async def test_others_end_an_account_by_whom_it_speaks_for(stage: Stage) -> None:
    caller, by = await stage.patient(), Sender("system", "erasure")
    subject = (await caller.get("/api/accounts/me")).json()["subject"]
    assert await stage.accounts.disable_subject("patient", subject, by, "erased")
    assert not await stage.accounts.disable_subject("patient", subject, by, "erased")
    assert await stage.accounts.erase_subject("patient", subject, by)
    assert not await stage.accounts.erase_subject("patient", subject, by)
    problem(await caller.try_log_in(), 401, "invalid-credentials")
    # The address is free again.
    await caller.sign_up()
    assert (await stage.mailbox.kinds(caller.email))[-1] == "verify_email"


@pytest.mark.parametrize("role", ["patient", "ops", "doctor", "auditor", "paramedic"])
async def test_only_administrators_administer(stage: Stage, role: Any) -> None:
    caller = stage.stranger()
    caller.access_token = tokens.issue(SECRET, role, "somebody", 60.0, stage.clock.now())
    for method, path, body in (
        ("GET", "/api/accounts", None),
        ("GET", f"/api/accounts/{NOBODY}", None),
        ("POST", INVITATIONS, {"email": somebody(), "role": "admin"}),
        ("POST", f"/api/accounts/{NOBODY}/disable", {"reason": "x"}),
        ("POST", f"/api/accounts/{NOBODY}/enable", None),
        ("POST", f"/api/accounts/{NOBODY}/totp-reset", None),
    ):
        problem(await caller.call(method, path, body), 403, "forbidden")


async def test_accounts_end_with_whom_they_speak_for(stage: Stage) -> None:
    admin, patient, doctor = stage.admin(), await stage.patient(), stage.stranger()
    subject = (await patient.get("/api/accounts/me")).json()["subject"]
    await admin.call("DELETE", f"/api/patients/{subject}", expect=204)
    problem(await patient.try_refresh(), 401, "invalid-credentials")
    problem(await patient.try_log_in(), 401, "invalid-credentials")

    record = (await admin.post("/api/doctors", DOCTOR, expect=201)).json()["id"]
    doctor.email = somebody()
    body = {"email": doctor.email, "role": "doctor", "subject": record}
    await admin.post(INVITATIONS, body, expect=201)
    path = f"{INVITATIONS}/acceptance"
    await doctor.follow("staff_invitation", "invite", path, password=PASSWORD)
    await doctor.log_in()
    await doctor.enrol()
    await admin.call("DELETE", f"/api/doctors/{record}", expect=204)
    problem(await doctor.try_refresh(), 401, "invalid-credentials")
    problem(await doctor.try_log_in(), 401, "invalid-credentials")
