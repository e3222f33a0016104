"""From nothing to a working staff: the command line, links, a second factor, sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pyotp
from centrifuge import ClientState

from tests.acceptance.line import WITHIN_S, Line
from tests.acceptance.running import COMMAND_S, MAXRAY, Running
from tests.integration.embedded.child import child, ended
from tests.integration.embedded.processes import until

PASSWORD = "larkspur-tram-ottoman-41"


def closed(line: Line) -> Callable[[], bool]:
    return lambda: bool(line.client.state == ClientState.DISCONNECTED)


async def test_the_first_administrator_comes_in_by_the_link_and_logs_out_everywhere(
    service: Running, region: str
) -> None:
    email = f"{uuid4().hex[:8]}@example.org"
    words = ("account", "create-admin", "--data", str(service.data), "--email", email)
    async with child(*MAXRAY, *words) as process:
        code, said = await ended(process, COMMAND_S)
    assert code == 0, said
    link = next(word for word in said.split() if "#invite=" in word)
    assert link.startswith(f"{service.url}/account#")
    page = await service.answer("GET", "/account", None)
    assert page.status_code == 200 and "/ui/account.js" in page.text

    token = parse_qs(urlsplit(link).fragment)["invite"][0]
    body: dict[str, Any] = {"token": token, "password": PASSWORD}
    await service.ask("POST", "/api/accounts/invitations/acceptance", None, body)
    login = {"email": email, "password": PASSWORD}
    enrolling = await service.ask("POST", "/api/sessions", None, login)
    assert enrolling["status"] == "enrolment_needed"
    half = enrolling["access_token"]
    await service.ask("GET", "/api/accounts", half, expect=403)
    offer = await service.ask("POST", "/api/accounts/me/totp", half, {})
    code_now = pyotp.TOTP(offer["secret"]).at(int(time.time()))
    confirmed = {"code": code_now}
    path = "/api/accounts/me/totp/confirmation"
    session = (await service.ask("POST", path, half, confirmed))["session"]

    whole = session["access_token"]
    invitation = {"email": f"x-{email}", "role": "ops"}
    await service.ask("POST", "/api/accounts/invitations", whole, invitation, 201)
    # Two workers, a socket or more at each of them: all close, wherever the logout went.
    lines = [Line(service.url, whole) for _ in range(6)]
    for line in lines:
        await line.__aenter__()
        await line.listen(f"ops:{region}")
    answer = await service.answer("DELETE", "/api/sessions/current", whole)
    assert answer.status_code == 204
    for line in lines:
        await until(closed(line), WITHIN_S, "the socket is closed for good")

    async def refused() -> bool:
        return (await service.answer("GET", "/api/accounts", whole)).status_code == 401

    for _ in range(20):  # whichever worker is asked
        assert await refused()
    refreshed = await service.answer(
        "POST", "/api/sessions/refresh", None, {"refresh_token": session["refresh_token"]}
    )
    assert refreshed.status_code == 401
    keys = httpx.get(f"{service.url}/.well-known/jwks.json", trust_env=False).json()["keys"]
    assert [key["alg"] for key in keys] == ["EdDSA"]
