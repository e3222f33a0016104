"""Whatever is sent, the API answers as described: never a fault, never an unknown status."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.web.api import DOCTOR, EMERGENCY, HERE, PARAMEDIC, PATIENT, Api
from tests.integration.web.conftest import Stack
from tests.integration.web.world import World, made
from web.access.doors import DOORS

# Not DELETE: the others should find something there.
ROUTES = sorted(key for key in DOORS if key[1].startswith("/api") and key[0] != "DELETE")
BODIES = [
    PATIENT,
    EMERGENCY,
    PARAMEDIC,
    DOCTOR,
    {"action": "on_duty", "position": {**HERE, "at": "2026-01-01T00:00:00Z", "accuracy_m": 5}},
    {"action": "progress", "step": "on_scene", "position": HERE},
    {"priority": 1, "reason": "x"},
    {
        "timezone": "UTC",
        "weekly": [{"weekday": 0, "from_minute": 1, "to_minute": 2}],
        "exceptions": [{"from_s": 1, "to_s": 2, "open": True}],
    },
    {"role": "ops", "subject": "x", "ttl_s": 60},
]
QUERIES = [
    *("name", "phone", "region", "specialty", "status", "patient_id", "cursor", "limit"),
    *("from", "to", "created_from", "created_to", "raised_from", "raised_to"),
]
# Unpaired surrogates aside (no JSON encoder writes them), whatever a text may hold.
letters: Final = st.characters(exclude_categories=["Cs"])
texts = st.text(letters, max_size=20)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes().map(lambda time: f"{time.isoformat()}Z")
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | times,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A good body with some of it, at any depth, replaced by anything."""
    body = json.loads(json.dumps(draw(st.sampled_from(BODIES))))
    for _ in range(draw(st.integers(0, 3))):
        at = body
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = draw(st.sampled_from(keys)) if keys else None
            if key is None or not isinstance(at[key], dict | list) or draw(st.booleans()):
                break
            at = at[key]
        if key is not None:
            at[key] = draw(values)
        elif isinstance(at, dict):
            at[draw(texts)] = draw(values)
    return body


@pytest.fixture(scope="module")
async def there(stack: Stack, api: Api) -> World:
    """What the routes are asked for."""
    return await made(stack, api)


calls = settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@calls
@given(route=st.sampled_from(ROUTES), body=bodies() | values, staff=st.booleans())
async def test_any_body_on_any_route(
    api: Api, there: World, route: tuple[str, str], body: Any, staff: bool
) -> None:
    method, path = route
    if staff:
        response = await api.call(method, there.address(path), "admin", body=body)
    else:
        me = there.patient
        response = await api.call(method, there.address(path), "patient", me, body=body)
    assert response.status_code < 500, response.text


@calls
@given(content=st.binary(max_size=64))
async def test_any_bytes_as_a_body(api: Api, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = await api.call("POST", "/api/patients", content=content, headers=headers)
    assert response.status_code in (400, 422)


@calls
@given(
    path=st.sampled_from([path for method, path in ROUTES if method == "GET"]),
    query=st.dictionaries(
        st.sampled_from(QUERIES) | texts,
        texts | times | st.integers().map(str) | st.uuids().map(str),
        max_size=3,
    ),
)
async def test_any_query(api: Api, there: World, path: str, query: dict[str, str]) -> None:
    response = await api.call("GET", there.address(path), params=query)
    assert response.status_code < 500, response.text
