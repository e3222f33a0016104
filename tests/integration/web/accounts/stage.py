"""Who is on the stage of these tests, and what they can do in a line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import httpx
import pyotp
from httpx import Response

from actors.clock import ManualClock
from storage.audit import AuditEntry, MemoryAuditTrail
from tests.integration.web.accounts.mailbox import Mailbox, somebody
from tests.integration.web.conftest import SECRET
from tests.integration.web.contract import Contract
from web import tokens
from web.accounts.service import Accounts, Needs

PASSWORD = "larkspur-tram-ottoman-41"
PHONE = "+919876543210"
_hosts = count(1)


class Stage:
    def __init__(
        self,
        app: Any,
        accounts: Accounts,
        clock: ManualClock,
        mailbox: Mailbox,
        trail: MemoryAuditTrail,
        needs: Needs,
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.clock = clock
        self.mailbox = mailbox
        self.trail = trail
        self.needs = needs
        self.contract = Contract({"paths": {}, "components": {}})

    async def read_contract(self) -> None:
        async with self.client("127.0.0.1") as client:
            response = await client.get("/schema")
        self.contract = Contract(response.json())

    async def later(self, seconds: float) -> None:
        """Time goes on; and what a worker does meanwhile to its letters and keys is done."""
        await self.mailbox.letters("")
        await self.clock.advance(seconds)
        await self.accounts.keys.reload()

    def client(self, address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://rest.test")

    def stranger(self, address: str | None = None, device: str = "phone/1.0") -> Caller:
        """Somebody at an address of the network that nobody has used."""
        number = next(_hosts)
        return Caller(self, address or f"10.{number >> 8}.{number & 255}.1", device)

    def admin(self) -> Caller:
        """By a token that an operator signed."""
        caller = self.stranger()
        caller.access_token = tokens.issue(SECRET, "admin", "root", 600.0, self.clock.now())
        return caller

    async def patient(self, email: str | None = None) -> Caller:
        """With an account, logged in."""
        caller = self.stranger()
        caller.email = email or somebody()
        await caller.sign_up()
        await caller.follow("verify_email", "verify", "/api/accounts/verification")
        await caller.log_in()
        return caller

    async def staff(self, role: str = "ops") -> Caller:
        """Invited and accepted; not logged in yet."""
        caller = self.stranger()
        caller.email = somebody()
        body = {"email": caller.email, "role": role}
        await self.admin().post("/api/accounts/invitations", body, expect=201)
        letter = await self.mailbox.newest(caller.email, "staff_invitation")
        accept = {"token": letter.token("invite"), "password": PASSWORD}
        await caller.post("/api/accounts/invitations/acceptance", accept, expect=200)
        return caller

    def entries(self, action: str) -> list[AuditEntry]:
        return [entry for entry in self.trail.entries if entry.action == action]


class Caller:
    """One device of one person."""

    def __init__(self, stage: Stage, address: str, device: str) -> None:
        self.stage = stage
        self.address = address
        self.device = device
        self.email = ""
        self.password = PASSWORD
        self.access_token = ""
        self.refresh_token = ""
        self.device_token: str | None = None
        self.session_id = ""
        self.totp: pyotp.TOTP | None = None
        self.recovery_codes: list[str] = []

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int | None = None,
        key: str | None = None,
    ) -> Response:
        headers = {"User-Agent": self.device}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        more: dict[str, Any] = {} if body is None else {"json": body}
        async with self.stage.client(self.address) as client:
            response = await client.request(method, path, headers=headers, **more)
        self.stage.contract.check(method, path.partition("?")[0], response)
        if expect is not None:
            assert response.status_code == expect, response.text
        return response

    async def get(self, path: str, *, expect: int | None = 200) -> Response:
        return await self.call("GET", path, expect=expect)

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        expect: int | None = None,
        key: str | None = None,
    ) -> Response:
        return await self.call("POST", path, body, expect=expect, key=key)

    # What people do.

    async def sign_up(self, **changes: Any) -> Response:
        body = {"email": self.email, "password": self.password, "name": "Asha Rao", "phone": PHONE}
        return await self.post("/api/accounts", {**body, **changes}, expect=202)

    async def follow(self, kind: str, purpose: str, path: str, **more: Any) -> Response:
        """Use the link in the newest letter of that kind."""
        letter = await self.stage.mailbox.newest(self.email, kind)
        return await self.post(path, {"token": letter.token(purpose), **more})

    async def try_log_in(self, password: str | None = None) -> Response:
        body: dict[str, Any] = {"email": self.email, "password": password or self.password}
        if self.device_token is not None:
            body["device_token"] = self.device_token
        self.access_token = ""
        return await self.post("/api/sessions", body)

    async def log_in(self) -> Mapping[str, Any]:
        """As far as it goes; with the second factor, where it is asked for and there is one."""
        response = await self.try_log_in()
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        if found["status"] == "second_factor_needed" and self.totp is not None:
            body = {"ticket": found["ticket"], "code": await self.next_code()}
            found = (await self.post("/api/sessions/second-factor", body, expect=200)).json()
        self.take(found)
        return found

    def take(self, found: Mapping[str, Any]) -> None:
        self.access_token = found.get("access_token", "")
        self.refresh_token = found.get("refresh_token", "")
        self.device_token = found.get("device_token", self.device_token)
        self.session_id = found.get("session_id", "")

    async def try_refresh(self, token: str | None = None, key: str | None = None) -> Response:
        body = {"refresh_token": token or self.refresh_token}
        return await self.post("/api/sessions/refresh", body, key=key)

    async def refresh(self) -> None:
        response = await self.try_refresh()
        assert response.status_code == 200, response.text
        self.take(response.json())

    async def enrol(self) -> Mapping[str, Any]:
        """An authenticator, offered and confirmed."""
        enrolling = not self.refresh_token
        body = {} if enrolling else {"password": self.password}
        offer = (await self.post("/api/accounts/me/totp", body, expect=200)).json()
        self.totp = pyotp.parse_uri(offer["otpauth_uri"])  # type: ignore[assignment]  # a TOTP, for the URI says so
        confirmation = {"code": await self.next_code()}
        path = "/api/accounts/me/totp/confirmation"
        found: dict[str, Any] = (await self.post(path, confirmation, expect=200)).json()
        self.recovery_codes = found["recovery_codes"]
        if found["session"] is not None:
            self.take(found["session"])
        return found

    async def next_code(self) -> str:
        """A code that was not used yet: the next one the authenticator shows."""
        assert self.totp is not None
        await self.stage.clock.advance(30.0)
        return self.code()

    def code(self) -> str:
        """What the authenticator shows now."""
        assert self.totp is not None
        return self.totp.at(int(self.stage.clock.now()))
