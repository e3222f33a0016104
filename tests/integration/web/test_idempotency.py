"""Idempotency-Key: the same request twice is done once, whoever sends it when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response

from actors.clock import ManualClock
from tests.integration.web.api import (
    DOCTOR,
    EMERGENCY,
    HERE,
    HOSPITAL,
    PARAMEDIC,
    PATIENT,
    Api,
    problem,
)
from tests.integration.web.conftest import Stack
from tests.integration.web.test_emergencies import NOBODY, act, crew_with_offer, tasks_of
from tests.waiting import until
from web.app import KEY_RETENTION, PRUNE_EVERY_S, create_app

CREATIONS = [
    ("/api/patients", PATIENT),
    ("/api/paramedics", PARAMEDIC),
    ("/api/doctors", DOCTOR),
]


@pytest.mark.parametrize(("path", "body"), CREATIONS)
async def test_a_creation_sent_many_times_at_once_happens_once(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    key = uuid4().hex
    answers = await asyncio.gather(
        *(api.call("POST", path, body=body, key=key, expect=201) for _ in range(12))
    )
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1


@pytest.mark.parametrize(("path", "body"), CREATIONS)
async def test_a_key_names_one_body_for_ever(api: Api, path: str, body: dict[str, Any]) -> None:
    key = uuid4().hex
    await api.call("POST", path, body=body, key=key, expect=201)
    other = {**body, "name": "Somebody Else"}
    problem(await api.call("POST", path, body=other, key=key), 422, "idempotency-key-reused")
    reordered = dict(reversed(body.items()))  # the same request, written differently
    await api.call("POST", path, body=reordered, key=key, expect=201)


@pytest.mark.parametrize(("path", "body"), CREATIONS)
async def test_without_a_key_each_request_is_its_own(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    made = [await api.call("POST", path, body=body, expect=201) for _ in range(2)]
    assert made[0].json()["id"] != made[1].json()["id"]


async def test_nobodys_key_reaches_what_another_did(api: Api) -> None:
    key = uuid4().hex
    mine = await api.call("POST", "/api/patients", "ops", "desk-1", body=PATIENT, key=key)
    theirs = await api.call("POST", "/api/patients", "ops", "desk-2", body=PATIENT, key=key)
    admins = await api.call("POST", "/api/patients", "admin", "desk-1", body=PATIENT, key=key)
    assert len({mine.json()["id"], theirs.json()["id"], admins.json()["id"]}) == 3
    # Nor does a key of one route mean anything on another.
    await api.call("POST", "/api/paramedics", "ops", "desk-1", body=PARAMEDIC, key=key, expect=201)


async def test_one_emergency_though_the_call_was_sent_many_times_at_once(api: Api) -> None:
    patient = (await api.patient(region="twice"))["id"]
    path, key = f"/api/patients/{patient}/emergency", uuid4().hex
    answers = await asyncio.gather(
        *(
            api.call("POST", path, "patient", patient, body=EMERGENCY, key=key, expect=201)
            for _ in range(12)
        )
    )
    assert len({answer.content for answer in answers}) == 1
    history = await api.call("GET", f"/api/patients/{patient}/history", expect=200)
    assert len(history.json()["items"]) == 1
    other = {**EMERGENCY, "symptoms": ["fever"]}
    again = await api.call("POST", path, "patient", patient, body=other, key=key)
    problem(again, 422, "idempotency-key-reused")


async def test_a_repeated_call_finds_its_emergency_though_the_patient_has_changed(
    api: Api,
) -> None:
    patient = (await api.patient(region="moves"))["id"]
    path, key = f"/api/patients/{patient}/emergency", uuid4().hex
    first = await api.call("POST", path, body=EMERGENCY, key=key, expect=201)
    moved = {**PATIENT, "phone": "+14155550100", "region": "elsewhere"}
    await api.call("PUT", f"/api/patients/{patient}", body=moved, expect=200)
    again = await api.call("POST", path, body=EMERGENCY, key=key, expect=201)
    assert again.json() == first.json()


async def test_a_repeated_command_gets_the_first_ones_answer(api: Api) -> None:
    unit = (await api.paramedic())["id"]
    path, key = f"/api/paramedics/{unit}/duty", uuid4().hex
    fix = {**HERE, "at": "2026-01-01T00:00:00Z"}
    body = {"action": "on_duty", "position": fix}
    first = await api.call("POST", path, "paramedic", unit, body=body, key=key, expect=200)
    off = {"action": "off_duty"}
    await api.call("POST", path, "paramedic", unit, body=off, expect=200)
    again = await api.call("POST", path, "paramedic", unit, body=body, key=key, expect=200)
    assert again.json() == first.json()
    now = await api.call("GET", f"/api/paramedics/{unit}", expect=200)
    assert now.json()["status"] == "off_duty"  # nothing was done again
    other = await api.call("POST", path, "paramedic", unit, body=off, key=key)
    problem(other, 422, "idempotency-key-reused")


async def test_a_repeated_refusal_is_refused_alike(api: Api) -> None:
    patient = (await api.patient())["id"]
    emergency = (await api.emergency(patient, region="refused"))["id"]
    path, body = f"/api/emergencies/{emergency}/cancel", {"reason": "over"}
    await api.call("POST", path, body=body, key="first", expect=200)
    refused = [await api.call("POST", path, body=body, key="second") for _ in range(2)]
    assert (
        problem(refused[0], 409, "impossible-transition")["detail"]
        == (problem(refused[1], 409, "impossible-transition")["detail"])
    )
    await api.call("POST", path, body=body, key="first", expect=200)


async def test_a_crews_repeat_is_answered_alike_whatever_became_of_the_hospital(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    near, far = [(await api.hospital(region=region, name=name))["id"] for name in ("Near", "Far")]
    unit, _, _ = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    path = f"/api/paramedics/{unit}/tasks/{task['id']}"

    async def say(key: str, **action: Any) -> Response:
        return await api.call("POST", path, "paramedic", unit, body=action, key=key)

    await act(api, unit, task["id"], action="accept")
    for step in ("en_route", "on_scene"):
        await act(api, unit, task["id"], action="progress", step=step)
    going = {"action": "progress", "step": "transporting"}
    turning = {"action": "redirect", "reason": "on divert"}
    gone = await say("gone", **going, hospital=NOBODY)
    said = (
        ("go", {**going, "hospital": near}, {**going, "hospital": far}),
        ("turn", {**turning, "hospital": far}, {**turning, "hospital": far, "reason": "nearer"}),
    )
    first = [await say(key, **words) for key, words, _ in said]
    for step in ("at_hospital", "completed"):
        await act(api, unit, task["id"], action="progress", step=step)
    renamed = {**HOSPITAL, "region": region, "name": "Near no more"}
    await api.call("PUT", f"/api/hospitals/{near}", body=renamed, expect=200)
    await api.call("DELETE", f"/api/hospitals/{far}", expect=204)
    for (key, words, others), answered in zip(said, first, strict=True):
        again = await say(key, **words)
        assert (again.status_code, again.content) == (200, answered.content)
        problem(await say(key, **others), 422, "idempotency-key-reused")
    # What was refused is refused alike, and not for the reason that there is now.
    for found in (gone, await say("gone", **going, hospital=NOBODY)):
        (error,) = problem(found, 422, "invalid-body")["errors"]
        assert error["pointer"] == "/hospital"
    problem(await say("gone", **going, hospital=near), 422, "idempotency-key-reused")


async def test_a_relieved_crews_repeat_is_answered_alike_when_the_relief_has_gone(
    api: Api,
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, relief = [(await api.paramedic(region=region))["id"] for _ in range(2)]
    path, on = f"/api/paramedics/{unit}/duty", {"action": "on_duty", "position": HERE}
    off = {"action": "off_duty", "relief": relief, "note": "low on oxygen"}
    await api.call("POST", path, "paramedic", unit, body=on, expect=200)
    first = await api.call("POST", path, "paramedic", unit, body=off, key="off", expect=200)
    await api.call("POST", path, "paramedic", unit, body=on, expect=200)
    await api.call("DELETE", f"/api/paramedics/{relief}", "admin", expect=204)
    again = await api.call("POST", path, "paramedic", unit, body=off, key="off", expect=200)
    assert again.content == first.content
    new = await api.call("POST", path, "paramedic", unit, body=off, key="new")
    assert problem(new, 422, "invalid-body")["errors"][0]["pointer"] == "/relief"


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    response = await api.call("POST", "/api/patients", body=PATIENT, key=key)
    (error,) = problem(response, 400, "bad-request")["errors"]
    assert "key" in error["parameter"].lower()


async def test_old_keys_are_forgotten_while_the_application_runs(api: Api, stack: Stack) -> None:
    key = uuid4().hex
    await api.call("POST", "/api/patients", body=PATIENT, key=key, expect=201)
    other = {**PATIENT, "name": "Somebody Else"}
    problem(
        await api.call("POST", "/api/patients", body=other, key=key), 422, "idempotency-key-reused"
    )
    clock = ManualClock(time.time() + KEY_RETENTION.total_seconds())
    app = create_app(replace(stack.services, clock=clock))
    over = asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            await over.wait()

    life = asyncio.create_task(live())

    async def forgotten() -> bool:
        await clock.advance(PRUNE_EVERY_S)
        response = await api.call("POST", "/api/patients", body=other, key=key)
        return response.status_code == 201

    await until(forgotten)
    over.set()
    await life
