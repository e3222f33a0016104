"""People with accounts, all of whose names, numbers, notes and secrets are marks."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pyotp

from tests.acceptance.marks import LETTERS, Marks
from tests.acceptance.running import Running
from tests.waiting import until

_LINK = re.compile(r"https?://\S+")


async def token_in_letter(service: Running, to: str, purpose: str) -> str:
    """What the link in somebody's letter carries: the letters do lie in the folder, as they are."""
    found: list[str] = []

    async def come() -> bool:
        for file in (service.data / LETTERS).glob("*.eml"):
            message = message_from_bytes(file.read_bytes(), policy=default)
            part = message.get_body(("plain",))
            if to in str(message["To"]) and part is not None:
                link = _LINK.search(part.get_content())
                fragment = "" if link is None else urlsplit(link[0]).fragment
                found.extend(parse_qs(fragment).get(purpose, ()))
        return bool(found)

    await until(come)
    return found[0]


async def signed_up(service: Running, marks: Marks, who: str) -> dict[str, Any]:
    """An account with a session: the login's answer."""
    body = {
        "email": f"{marks.word(f'{who} sign-up e-mail')}@example.org",
        "password": f"larkspur-{marks.word(f'{who} password')}-tram",
        "name": marks.word(f"{who} sign-up name").title(),
        "phone": marks.number(f"{who} sign-up phone", "+9193", 8),
    }
    await service.ask("POST", "/api/accounts", None, body, 202)
    letter = await token_in_letter(service, body["email"], "verify")
    proof = {"token": marks.given(f"{who} letter's token", letter)}
    await service.ask("POST", "/api/accounts/verification", None, proof)
    login = {"email": body["email"], "password": body["password"]}
    session: dict[str, Any] = await service.ask("POST", "/api/sessions", None, login)
    for secret in ("access_token", "refresh_token", "device_token"):
        marks.given(f"{who} {secret}", session[secret])
    return {**session, **login}


async def second_factor(service: Running, marks: Marks, session: dict[str, Any]) -> None:
    """An authenticator with its recovery codes, a login by it, and a wrong one."""
    mine, secret = session["access_token"], {"password": session["password"]}
    offer = await service.ask("POST", "/api/accounts/me/totp", mine, secret)
    totp = pyotp.TOTP(marks.key("TOTP secret", offer["secret"]))
    confirmed = {"code": totp.at(int(time.time()))}
    path = "/api/accounts/me/totp/confirmation"
    codes = (await service.ask("POST", path, mine, confirmed))["recovery_codes"]
    for n, code in enumerate(codes):
        marks.given(f"recovery code {n}", code)
    login = {"email": session["email"], "password": session["password"]}
    half = await service.ask("POST", "/api/sessions", None, login)
    ticket = marks.given("login's ticket", half["ticket"])
    wrong = {"ticket": ticket, "factor": "recovery_code", "code": marks.word("wrong code")}
    answer = await service.answer("POST", "/api/sessions/second-factor", None, wrong)
    assert answer.status_code == 401
    code = {"ticket": ticket, "factor": "recovery_code", "code": codes[0]}
    whole = await service.ask("POST", "/api/sessions/second-factor", None, code)
    again = {"refresh_token": marks.given("second refresh token", whole["refresh_token"])}
    renewed = await service.ask("POST", "/api/sessions/refresh", None, again)
    marks.given("third refresh token", renewed["refresh_token"])
    guess = {"email": session["email"], "password": marks.word("wrong password")}
    assert (await service.answer("POST", "/api/sessions", None, guess)).status_code == 401


async def family(service: Running, marks: Marks, one: Any, other: Any) -> None:
    """`one` invites `other`, who has a child."""
    path = f"/api/patients/{one['subject']}/family"
    invitation = {"manager": other["subject"]}
    link = await service.ask("POST", path, one["access_token"], invitation, 201)
    # The letter names nobody, and the link's id is no secret: it opens nothing to anybody else.
    assert await token_in_letter(service, other["email"], "family") == link["id"]
    child = {
        "name": marks.word("child"),
        "phone": marks.number("child's phone", "+9192", 8),
        "birth_date": f"{datetime.now(UTC).year - 5}-01-01",
    }
    await service.ask("POST", "/api/family/children", other["access_token"], child, 201)


async def break_glass(service: Running, marks: Marks, patient: str) -> None:
    """Opened by a doctor with a reason, and reviewed by an auditor with a note."""
    doctor = await service.token("doctor", str(uuid4()))
    reason = f"{marks.word('why the glass was broken')}, found unconscious"
    path = f"/api/patients/{patient}/break-glass"
    file = await service.ask("POST", path, doctor, {"reason": reason}, 201)
    await service.ask("GET", f"/api/patients/{patient}", doctor)
    auditor = await service.token("auditor", "acceptance")
    review = {"verdict": "justified", "note": marks.word("auditor's note")}
    path = f"/api/break-glass/{file['id']}/review"
    reviewed = await service.ask("POST", path, auditor, review)
    assert (reviewed["reason"], reviewed["note"]) == (reason, review["note"])  # they do arrive


async def planted_accounts(service: Running, marks: Marks, patient: str) -> None:
    """`patient`: whose record is opened by break-glass."""
    one = await signed_up(service, marks, "one's")
    other = await signed_up(service, marks, "another's")
    await family(service, marks, one, other)
    await second_factor(service, marks, one)
    await break_glass(service, marks, patient)
