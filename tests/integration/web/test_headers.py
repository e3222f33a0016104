"""Headers that keep browsers from doing what the service does not want, on every answer."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.web.api import Api
from tests.integration.web.conftest import Stack

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PATHS = ["/schema", "/api/patients", "/api/nothing", "/nothing", "/metrics", "/health/live"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_every_answer_has_them(stack: Stack, api: Api, path: str, scheme: str) -> None:
    transport = httpx.ASGITransport(app=stack.app)  # type: ignore[arg-type]  # Litestar types ASGI in its own way
    headers = {"Authorization": f"Bearer {api.token('ops')}"}
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://rest.test") as client:
        for answer in (await client.get(path), await client.get(path, headers=headers)):
            assert ALWAYS.items() <= dict(answer.headers).items()
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            # RFC 6797: over TLS always, over plain HTTP never.
            expected = "max-age=31536000" if scheme == "https" else None
            assert answer.headers.get("strict-transport-security") == expected


async def test_no_cookie_is_set_and_none_signs_anybody_in(stack: Stack, api: Api) -> None:
    """So no other site can make a browser act for its user: there is nothing to forge (CSRF)."""
    transport = httpx.ASGITransport(app=stack.app)  # type: ignore[arg-type]  # Litestar types ASGI in its own way
    token = api.token("admin")
    cookies = dict.fromkeys(("token", "session", "Authorization", "access_token"), token)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://rest.test", cookies=cookies
    ) as client:
        answer = await client.get("/api/patients")
        assert answer.status_code == 401
        answer = await client.post(
            "/api/patients", json={}, headers={"Origin": "https://evil.test"}
        )
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    for path in PATHS:
        answer = await api.client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert "set-cookie" not in answer.headers
