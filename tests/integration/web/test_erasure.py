"""Deleting a patient: hidden at once, erased when its time has come, and all else stays whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from actors.clock import ManualClock, SystemClock
from actors.domain.doctor.commands import RequestConsultation
from actors.domain.kernel import EntityRef, Sender
from actors.domain.privacy import ERASED
from config import Secret, Settings
from storage.audit import AuditEntry, AuditTrail, AuditUnavailable, MemoryAuditTrail
from storage.encryption import SYSTEM
from tests.integration.web.api import DOCTOR, EMERGENCY, Api, problem
from tests.integration.web.conftest import SECRET, Stack, client_of
from tests.waiting import until
from web.app import create_app
from web.entities import Entities
from web.patients.erasure import Erasure

GONE = {**EMERGENCY, "region": "erasure"}


@pytest.fixture
async def at_once(stack: Stack, api: Api) -> AsyncIterator[Api]:
    """An application that keeps nobody's key after DELETE."""
    settings = Settings(token_secret=Secret(SECRET), erasure_hold_days=0.0)
    async with client_of(create_app(replace(stack.services, settings=settings))) as client:
        yield api.elsewhere(client)


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


def erasure(
    stack: Stack,
    *,
    after_days: float = 0.0,
    hold_days: float = 30.0,
    trail: AuditTrail | None = None,
) -> Erasure:
    """As a web worker has it, so many days from now."""
    services = stack.services
    now = SystemClock().now() + timedelta(days=after_days).total_seconds()
    entities = Entities(services.router, services.answer_timeout_s)
    return Erasure(
        services.records,
        entities,
        ManualClock(now),
        hold_days,
        services.accounts,
        trail or services.audit,
    )


async def cancelled(api: Api, patient: str) -> str:
    """An emergency of the patient's that is over: its id."""
    emergency: str = (await api.emergency(patient, **GONE))["id"]
    path, body = f"/api/emergencies/{emergency}/cancel", {"reason": "it was the asthma"}
    await api.call("POST", path, body=body, expect=200)
    return emergency


async def detail(api: Api, emergency: str) -> dict[str, Any]:
    found: dict[str, Any] = (
        await api.call("GET", f"/api/emergencies/{emergency}", expect=200)
    ).json()
    return found


async def shows_nothing(api: Api, emergency: str) -> None:
    """Wait until the entities in memory have forgotten as well."""

    async def forgotten() -> bool:
        return bool((await detail(api, emergency))["symptoms"] == [ERASED])

    await until(forgotten)


async def test_an_erased_patient_is_gone_and_everything_about_them_still_stands(
    at_once: Api, api: Api, stack: Stack, server: asyncpg.Connection
) -> None:
    patient = (await at_once.patient(region="erasure"))["id"]
    emergency = await cancelled(at_once, patient)
    doctor = (await at_once.call("POST", "/api/doctors", "admin", body=DOCTOR, expect=201)).json()
    ref = EntityRef("doctor", doctor["id"])
    request = RequestConsultation(patient_id=patient, priority=2, reason="asthma again")
    await stack.services.router.ask(
        ref, request, id=f"ask-{patient}", by=Sender("ops", "ops"), timeout_s=10.0
    )
    before = await detail(at_once, emergency)
    assert before["symptoms"] == EMERGENCY["symptoms"]
    audited = "SELECT count(*) FROM audit WHERE ref = $1"
    steps = await server.fetchval(audited, f"emergency:{emergency}")

    path = f"/api/patients/{patient}"
    for _ in range(2):  # a repeat is a success too
        await at_once.call("DELETE", path, "admin", expect=204)
    for method, tail, body in (
        ("GET", "", None),
        ("PUT", "", {"name": "A", "phone": "08012345"}),
        ("GET", "/history", None),
        ("POST", "/emergency", EMERGENCY),
    ):
        problem(await at_once.call(method, path + tail, body=body), 410, "gone")

    await shows_nothing(at_once, emergency)
    for shard in range(2):  # and from the record alone
        stack.cluster.kill(shard)
        await stack.cluster.start_shard(shard)
    after = await detail(at_once, emergency)
    assert after == {
        **before,
        "symptoms": [ERASED],
        "address": ERASED,
        "contact_phone": ERASED,
        "answers": after["answers"],
        "needs": [],
        "triage_reasons": [],
        "location": {"lat": 0.0, "lon": 0.0},
        "cancellation": {**before["cancellation"], "reason": ERASED},
    }
    assert "yes" not in str(after["answers"])
    shown = (await api.call("GET", f"/api/doctors/{doctor['id']}", "ops", expect=200)).json()
    assert [(one["patient_id"], one["reason"]) for one in shown["requests"]] == [(patient, ERASED)]
    top, facts = await stack.services.journal.history(f"emergency:{emergency}", 0, 10)
    assert top == len(facts) == after["revision"]
    assert b"12.97" not in b"".join(fact.publication for fact in facts)
    assert await server.fetchval(audited, f"emergency:{emergency}") == steps

    row = await server.fetchrow("SELECT * FROM patient WHERE id = $1", patient)
    kept = {name for name, value in row.items() if value is not None}
    assert kept == {"id", "created_at", "updated_at", "deleted_at", "erase_at", "erased_at"}
    key = await server.fetchrow("SELECT * FROM data_key WHERE scope = $1", patient)
    assert key["wrapped"] is None and key["destroyed_at"] is not None
    assert await server.fetchval("SELECT count(*) FROM data_key WHERE scope = $1", SYSTEM) == 1


class AwayTrail(MemoryAuditTrail):
    """Takes nothing."""

    async def record_now(self, entry: AuditEntry) -> None:
        raise AuditUnavailable("PostgreSQL is out of reach")


async def test_nobody_is_erased_without_a_line_of_it(
    api: Api, stack: Stack, server: asyncpg.Connection
) -> None:
    patient = (await api.patient(region="erasure"))["id"]
    await api.call("DELETE", f"/api/patients/{patient}", "admin", expect=204)
    wrapped = "SELECT wrapped FROM data_key WHERE scope = $1"
    with pytest.raises(AuditUnavailable):
        await erasure(stack, after_days=30.1, trail=AwayTrail()).erase_due()
    assert await server.fetchval(wrapped, patient) is not None
    trail = MemoryAuditTrail()
    assert await erasure(stack, after_days=30.1, trail=trail).erase_due() >= 1
    assert await server.fetchval(wrapped, patient) is None
    lines = [(one.action, one.outcome) for one in trail.entries if one.patients == (patient,)]
    assert lines == [("patient.erase", end) for end in ("begun", "allowed")]


async def test_nobody_is_erased_while_help_is_on_the_way(
    at_once: Api, stack: Stack, server: asyncpg.Connection
) -> None:
    patient = (await at_once.patient(region="erasure"))["id"]
    emergency = (await at_once.emergency(patient, **GONE))["id"]
    await at_once.call("DELETE", f"/api/patients/{patient}", "admin", expect=204)
    problem(await at_once.call("GET", f"/api/patients/{patient}"), 410, "gone")
    await erasure(stack).erase_due()
    assert (await detail(at_once, emergency))["address"] == EMERGENCY["address"]
    path = f"/api/emergencies/{emergency}/cancel"
    await at_once.call("POST", path, body={"reason": "false alarm"}, expect=200)
    await erasure(stack).erase_due()
    await shows_nothing(at_once, emergency)
    erased = "SELECT erased_at FROM patient WHERE id = $1"
    assert await server.fetchval(erased, patient) is not None


async def test_the_key_is_kept_as_long_as_the_hold_says(
    api: Api, stack: Stack, server: asyncpg.Connection
) -> None:
    patient = (await api.patient(region="erasure"))["id"]
    await api.call("DELETE", f"/api/patients/{patient}", "admin", expect=204)
    wrapped = "SELECT wrapped FROM data_key WHERE scope = $1"
    await erasure(stack, after_days=29.9).erase_due()
    assert await server.fetchval(wrapped, patient) is not None
    await erasure(stack, after_days=30.1).erase_due()
    assert await server.fetchval(wrapped, patient) is None
    problem(await api.call("GET", f"/api/patients/{patient}"), 410, "gone")
    assert await erasure(stack, after_days=30.1).erase_due() == 0
