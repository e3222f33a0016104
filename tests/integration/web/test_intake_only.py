"""A worker that starts while the database is away: it takes emergencies, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from actors.clock import SystemClock
from config import Secret, Settings
from storage.schema import SchemaBehind
from tests.integration.web.api import EMERGENCY, Api, problem
from tests.integration.web.conftest import MASTER_KEY, SECRET, Stack, client_of
from tests.integration.web.gate import Gate
from tests.integration.web.machine import Machine, live, machine_of, store_of
from web.composition import AWAY, application
from web.spool.intake_only import intake_app


@pytest.fixture
async def machine(stack: Stack, api: Api, tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        yield machine


@pytest.fixture
async def started(stack: Stack, machine: Machine, api: Api, tmp_path: Path) -> AsyncIterator[Api]:
    """The machine's third worker, which started just now. Its PostgreSQL is back when it ends."""
    here = urlsplit(stack.database_url)
    assert here.port is not None
    store = store_of(tmp_path / "spool")
    await store.open()
    async with AsyncExitStack() as closing:
        gate = await closing.enter_async_context(Gate.before(here.port))
        gate.shut()
        settings = Settings(
            data=tmp_path,
            database_url=Secret(stack.database_url.replace(f":{here.port}/", f":{gate.port}/")),
            token_secret=Secret(SECRET),
            master_key=Secret(MASTER_KEY),
        )
        app = await closing.enter_async_context(intake_app(settings, store, SystemClock()))
        await closing.enter_async_context(live(app))
        yield api.elsewhere(await closing.enter_async_context(client_of(app)))
        gate.open()


async def test_its_emergencies_are_raised_once_by_a_worker_that_can(
    started: Api, machine: Machine, api: Api, stack: Stack
) -> None:
    patient = (await api.patient(region=f"r-{uuid4().hex[:8]}"))["id"]
    path, key = f"/api/patients/{patient}/emergency", uuid4().hex
    body: dict[str, Any] = {**EMERGENCY, "region": "intake"}
    answers = [
        await started.call("POST", path, "patient", patient, body=body, key=key, expect=202)
        for _ in range(2)
    ]
    logged = answers[0].json()
    assert logged["logged"] == "spool" and answers[1].json() == logged
    shown = await started.call("GET", f"/api/emergencies/{logged['id']}", "patient", patient)
    problem(shown, 503, "not-raised-yet")
    async with machine_of(stack, api, machine.folder):
        await machine.replayed()
    assert [one["id"] for one in await machine.history(patient)] == [logged["id"]]


async def test_a_worker_is_not_whole_before_the_schema_is(stack: Stack) -> None:
    settings = Settings(
        database_url=Secret(stack.database_url.replace("search_path=", "search_path=not_yet_")),
        redis_url=Secret("redis://127.0.0.1:9/0"),
        ray_address="127.0.0.1:9",
        token_secret=Secret(SECRET),
        master_key=Secret(MASTER_KEY),
    )
    with pytest.raises(SchemaBehind, match="lacks the migrations 0001_runtime, ") as caught:
        async with application(settings):
            raise AssertionError("it serves without a schema")
    assert isinstance(caught.value, AWAY)  # it takes emergencies, and tries again


async def test_everything_else_is_answered_that_it_starts(started: Api, api: Api) -> None:
    patient = (await api.patient())["id"]
    for method, path in (
        ("GET", f"/api/patients/{patient}"),
        ("POST", "/api/sessions"),
        ("GET", "/health/ready"),
        ("DELETE", f"/api/patients/{patient}/emergency"),
        ("GET", "/connection/websocket"),
        ("GET", "/schema"),
        ("GET", "/"),
    ):
        # Not by way of the contract: that is a whole worker's.
        headers = {"Authorization": f"Bearer {started.token('patient', patient)}"}
        answer = await started.client.request(method, path, headers=headers)
        problem(answer, 503, "starting")
        assert answer.headers["retry-after"] and answer.headers["cache-control"] == "no-store"
    assert (await started.client.get("/health/live")).status_code == 200


async def test_nobody_is_taken_for_another_meanwhile(started: Api, api: Api) -> None:
    patient, other = [(await api.patient())["id"] for _ in range(2)]
    path = f"/api/patients/{patient}/emergency"
    problem(await started.client.post(path, json=EMERGENCY), 401, "unauthorized")
    problem(await started.call("POST", path, "doctor", body=EMERGENCY), 403, "forbidden")
    # It might be family: that cannot be told now, and so it is "not now".
    problem(await started.call("POST", path, "patient", other, body=EMERGENCY), 503, "unavailable")
    body = {**EMERGENCY, "role": "admin"}
    problem(await started.call("POST", path, "patient", patient, body=body), 422, "invalid-body")
