"""What people do with a passkey, in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from httpx import Response

from tests.authenticator import Authenticator
from tests.integration.web.accounts.stage import Caller

ORIGIN = "https://care.example.org"
OWN = "/api/accounts/me/passkeys"
LOGIN = "/api/sessions/passkey"


async def creation_options(caller: Caller) -> dict[str, Any]:
    body = {"password": caller.password} if caller.refresh_token else {}
    found: dict[str, Any] = (await caller.post(f"{OWN}/options", body, expect=200)).json()
    return found


async def add(caller: Caller, device: Authenticator, name: str = "my phone") -> dict[str, Any]:
    """Add the device's passkey; a session that was enrolling is whole then."""
    credential = device.make(await creation_options(caller))
    body = {"name": name, "credential": credential}
    found: dict[str, Any] = (await caller.post(OWN, body, expect=201)).json()
    if found["session"] is not None:
        caller.take(found["session"])
    return found


async def request_options(caller: Caller, ticket: str | None = None) -> dict[str, Any]:
    caller.access_token = ""
    body = {} if ticket is None else {"ticket": ticket}
    found: dict[str, Any] = (await caller.post(f"{LOGIN}/options", body, expect=200)).json()
    return found


async def show(
    caller: Caller,
    credential: Mapping[str, Any],
    ticket: str | None = None,
    device_token: str | None = None,
) -> Response:
    """A login with this, whatever comes of it."""
    body: dict[str, Any] = {"credential": credential}
    if ticket is not None:
        body["ticket"] = ticket
    if device_token is not None:
        body["device_token"] = device_token
    caller.access_token = ""
    return await caller.post(LOGIN, body)


async def ticket_of(caller: Caller) -> str:
    """The password is right, and a second factor is asked for."""
    found = (await caller.try_log_in()).json()
    assert found["status"] == "second_factor_needed", found
    ticket: str = found["ticket"]
    return ticket
