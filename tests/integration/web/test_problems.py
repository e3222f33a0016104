"""Every kind of failure, as it looks from outside."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from actors.router import Router, RouterLimits
from storage.records import Records
from tests.integration.web.api import EMERGENCY, PATIENT, Api, problem
from tests.integration.web.conftest import SECRET, Stack, client_of
from web import tokens
from web.app import create_app
from web.body import MAX_BYTES

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/api/patients/7", "/schema/x"])
async def test_an_address_with_nothing_behind_it(api: Api, path: str) -> None:
    problem(await api.call("GET", path), 404, "not-found")


async def test_a_method_that_an_address_has_not(api: Api) -> None:
    response = await api.call("PATCH", "/api/patients")
    problem(response, 405, "method-not-allowed")
    assert "GET" in response.headers["allow"] and "POST" in response.headers["allow"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{'name': 1}",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b""" {"name": "x" """,
        b"\\x00",
    ],
)
async def test_a_body_that_is_not_json(api: Api, content: bytes) -> None:
    response = await api.call("POST", "/api/patients", content=content, headers=JSON)
    problem(response, 400, "malformed-json")


async def test_a_body_that_is_missing(api: Api) -> None:
    (error,) = problem(await api.call("POST", "/api/patients"), 400, "bad-request")["errors"]
    assert error["detail"] == "a JSON body is expected"


async def test_a_body_of_another_type(api: Api) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = await api.call("POST", "/api/patients", content=b"name=x", headers=form)
    problem(response, 415, "unsupported-media-type")


async def test_a_body_that_is_too_large_announced_or_not(api: Api) -> None:
    large = b'{"name": "' + b"x" * MAX_BYTES + b'"}'
    announced = await api.call("POST", "/api/patients", content=large, headers=JSON)
    problem(announced, 413, "request-entity-too-large")

    async def dribble() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 4096):
            yield large[at : at + 4096]

    dribbled = await api.call("POST", "/api/patients", content=dribble(), headers=JSON)
    problem(dribbled, 413, "request-entity-too-large")


async def test_a_text_that_cannot_be_kept(api: Api) -> None:
    response = await api.call("POST", "/api/patients", body={**PATIENT, "address": "a\0b"})
    (error,) = problem(response, 422, "invalid-body")["errors"]
    assert error["pointer"] == "/address"
    backslash = await api.call("POST", "/api/patients", body={**PATIENT, "address": r"a\u0000b"})
    assert backslash.json()["address"] == r"a\u0000b"  # six letters, not the character


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer nonsense",
        "Basic b3BzOm9wcw==",
        f"Bearer {tokens.issue('another-secret-of-32-characters!!', 'ops', 'x', 60.0, 2e9)}",
        f"Bearer {tokens.issue(SECRET, 'ops', 'x', 60.0, 1e9)}",
    ],
    ids=["none", "no token", "garbage", "another scheme", "another's", "expired"],
)
async def test_a_caller_without_a_good_token(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await api.client.get("/api/patients", headers=headers)
    problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer ")
    if authorization is not None:
        assert authorization.partition(" ")[2] not in response.text or len(authorization) < 8


async def test_busy_says_when_to_come_back(api: Api, stack: Stack) -> None:
    router = Router(stack.cluster, stack.services.clock, RouterLimits(waiting=0))
    patient = (await api.patient())["id"]
    async with client_of(create_app(replace(stack.services, router=router))) as client:
        path = f"/api/patients/{patient}/emergency"
        response = await api.elsewhere(client).call("POST", path, body=EMERGENCY)
    problem(response, 503, "busy")
    assert int(response.headers["retry-after"]) >= 1


async def test_an_unknown_outcome_is_called_so_and_a_repeat_completes_it(
    api: Api, stack: Stack, impatient: Api
) -> None:
    patient = (await api.patient(region="dark"))["id"]
    path = f"/api/patients/{patient}/emergency"
    lost = [stack.cluster.lose(index) for index in range(2)]
    try:
        response = await impatient.call("POST", path, body=EMERGENCY, key="dark")
        assert "same Idempotency-Key" in problem(response, 503, "unavailable")["detail"]
        assert int(response.headers["retry-after"]) >= 1
        reading = await impatient.call("GET", "/api/dispatch/dark")
        assert "try again" in problem(reading, 503, "unavailable")["detail"]
    finally:
        for index, shard in enumerate(lost):
            await shard.stop()
            await stack.cluster.start_shard(index)
    history = f"/api/patients/{patient}/history"
    assert (await api.call("GET", history)).json()["items"] == []  # entered, but never raised
    done = await api.call("POST", path, body=EMERGENCY, key="dark", expect=201)
    items = (await api.call("GET", history)).json()["items"]
    assert [item["id"] for item in items] == [done.json()["id"]]


async def test_records_out_of_reach(api: Api, stack: Stack) -> None:
    # A port of this machine that nobody listens on.
    nowhere = await Records.open("postgresql://maxray@127.0.0.1:1/none", stack.services.vault)
    async with client_of(create_app(replace(stack.services, records=nowhere))) as client:
        elsewhere = api.elsewhere(client)
        problem(await elsewhere.call("GET", "/api/patients"), 503, "unavailable")
        response = await elsewhere.call("POST", "/api/patients", body=PATIENT)
        assert "same Idempotency-Key" in problem(response, 503, "unavailable")["detail"]
    await nowhere.close()


async def test_readiness_names_what_is_out_of_reach(api: Api, stack: Stack) -> None:
    assert (await api.client.get("/health/live")).json()["status"] == "ok"
    ready = await api.client.get("/health/ready")
    assert ready.json() == {"status": "ok", "parts": {"journal": "ok", "shard-0": "ok"}}

    async def health() -> dict[str, str | None]:
        return {"journal": None, "redis": "connection refused"}

    async with client_of(create_app(replace(stack.services, health=health))) as client:
        response = await client.get("/health/ready")
    found = problem(response, 503, "not-ready")
    assert found["errors"] == [{"detail": "connection refused", "pointer": "/redis"}]


async def test_a_fault_of_ours_shows_and_logs_nothing_of_what_was_sent(
    api: Api, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> tokens.Principal:
        raise ValueError(f"the patient is called {PATIENT['name']}")

    services = replace(stack.services, verify_token=broken)
    with caplog.at_level(logging.ERROR, "web.problems"):
        async with client_of(create_app(services)) as client:
            response = await client.get("/api/patients", headers={"Authorization": "Bearer x"})
    problem(response, 500, "internal-error")
    assert "Asha" not in response.text and "Traceback" not in response.text
    assert "ValueError" in caplog.text and "in broken" in caplog.text
    assert "Asha" not in caplog.text


async def test_every_answer_carries_its_requests_id_and_the_guarding_headers(api: Api) -> None:
    for path, status in (("/api/doctors", 200), ("/nowhere", 404), ("/health/live", 200)):
        given = await api.call("GET", path, headers={"X-Request-Id": "from-the-proxy.1"})
        assert given.status_code == status
        assert given.headers["x-request-id"] == "from-the-proxy.1"
        made = await api.call("GET", path, headers={"X-Request-Id": "no good: \t{}"})
        assert len(made.headers["x-request-id"]) == 32
        assert made.headers["cache-control"] == "no-store"
        assert made.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in made.headers["content-security-policy"]
