"""A caller of the API: signs its own tokens, and says what it expects of each answer."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import httpx
from httpx import Response

from tests.integration.web.contract import Contract
from web import tokens
from web.tokens import TokenRole

PATIENT: dict[str, Any] = {
    "name": "Asha Rao",
    "phone": "+91 98765 43210",
    "birth_date": "1980-02-29",
    "sex": "female",
    "email": "asha@example.org",
    "address": "12 MG Road, Bengaluru",
    "upi_id": "Asha.Rao@okbank",
    "insurance": {
        "provider": "Star Health",
        "policy_number": "P/123",
        "valid_until": "2030-01-31",
    },
    "contacts": [{"name": "Ravi Rao", "relation": "husband", "phone": "+919800000001"}],
    "region": "blr",
}
PARAMEDIC: dict[str, Any] = {
    "name": "Unit 7",
    "region": "blr",
    "skills": ["als", "bls"],
    "vehicle": "ambulance",
    "phone": "080-555-0101",
}
DOCTOR: dict[str, Any] = {
    "name": "Dr Meera Iyer",
    "specialties": ["cardiology"],
    "registration_number": "KMC-4711",
    "email": "meera@example.org",
}
HERE = {"lat": 12.97, "lon": 77.59}
EMERGENCY: dict[str, Any] = {
    "location": HERE,
    "symptoms": ["chest pain"],
    "answers": {"breathing": "yes", "conscious": "yes", "chest_pain": "yes"},
    "address": "12 MG Road",
}


HOSPITAL: dict[str, Any] = {
    "name": "General",
    "region": "blr",
    "location": HERE,
    "capabilities": ["cath_lab"],
}
STATION: dict[str, Any] = {"name": "Station 1", "region": "blr", "location": HERE}


class Api:
    """Requests in a role. `subject` defaults to the role's own name.

    Every answer is held against the API's description.
    """

    def __init__(self, client: httpx.AsyncClient, secret: str, contract: Contract) -> None:
        self.client = client
        self._secret = secret
        self._contract = contract

    def elsewhere(self, client: httpx.AsyncClient) -> Api:
        """The same caller at another door."""
        return Api(client, self._secret, self._contract)

    def token(self, role: TokenRole, subject: str | None = None, ttl_s: float = 600.0) -> str:
        return tokens.issue(self._secret, role, subject or f"the-{role}", ttl_s, time.time())

    async def call(
        self,
        method: str,
        path: str,
        role: TokenRole = "ops",
        subject: str | None = None,
        *,
        body: Any = None,
        key: str | None = None,
        expect: int | None = None,
        **more: Any,
    ) -> Response:
        headers = {"Authorization": f"Bearer {self.token(role, subject)}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        response = await self.client.request(method, path, headers=headers, **more)
        self._contract.check(method, path.partition("?")[0], response)
        if expect is not None:
            assert response.status_code == expect, response.text
        return response

    async def patient(self, **changes: Any) -> dict[str, Any]:
        """A new one."""
        return await self._made("/api/patients", {**PATIENT, **changes})

    async def paramedic(self, **changes: Any) -> dict[str, Any]:
        return await self._made("/api/paramedics", {**PARAMEDIC, **changes})

    async def doctor(self, **changes: Any) -> dict[str, Any]:
        return await self._made("/api/doctors", {**DOCTOR, **changes})

    async def emergency(self, patient_id: str, **changes: Any) -> dict[str, Any]:
        return await self._made(f"/api/patients/{patient_id}/emergency", {**EMERGENCY, **changes})

    async def hospital(self, **changes: Any) -> dict[str, Any]:
        return await self._made("/api/hospitals", {**HOSPITAL, **changes})

    async def station(self, **changes: Any) -> dict[str, Any]:
        return await self._made("/api/stations", {**STATION, **changes})

    async def _made(self, path: str, body: Any) -> dict[str, Any]:
        response = await self.call("POST", path, body=body, key=uuid4().hex, expect=201)
        made: dict[str, Any] = response.json()
        return made


def problem(response: Response, status: int, slug: str) -> dict[str, Any]:
    """The problem document, after checking that it is one and that it is this one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    found: dict[str, Any] = response.json()
    assert found["type"] == f"/problems/{slug}", found
    assert found["status"] == status
    assert found["title"] and found["detail"]
    assert found["request_id"] == response.headers["x-request-id"]
    return found
