"""Paramedics and doctors: profiles that agree with their entities."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.web.api import DOCTOR, HERE, PARAMEDIC, Api, problem
from tests.integration.web.conftest import Stack
from tests.waiting import until

NOBODY = "019a0000-0000-7000-8000-000000000000"


async def duty(api: Api, path: str, action: str, **more: Any) -> Any:
    body = {"action": action, **more}
    return await api.call("POST", f"{path}/duty", body=body)


async def test_a_paramedic_is_registered_replaced_and_retired(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    body = {**PARAMEDIC, "region": region, "skills": ["bls", "als"]}
    created = await api.call("POST", "/api/paramedics", body=body, expect=201)
    unit, path = created.json(), created.headers["location"]
    assert unit["status"] == "off_duty" and unit["skills"] == ["als", "bls"]
    assert (await api.call("GET", path, expect=200)).json() == unit

    replacement = {**body, "name": "Unit 8", "skills": ["bls"], "phone": None}
    replaced = (await api.call("PUT", path, body=replacement, expect=200)).json()
    assert (replaced["name"], replaced["skills"], replaced["phone"]) == ("Unit 8", ["bls"], None)
    moved = {**replacement, "region": f"{region}-b"}
    assert (await api.call("PUT", path, body=moved, expect=200)).json()["region"] == f"{region}-b"
    listed = (await api.call("GET", f"/api/paramedics?region={region}-b&name=unit")).json()
    assert [item["id"] for item in listed["items"]] == [unit["id"]]

    assert (await duty(api, path, "on_duty", position=HERE)).json()["status"] == "available"
    refused = await api.call("PUT", path, body={**moved, "region": region})
    assert problem(refused, 409, "impossible-transition")["allowed"] == ["GoOffDuty"]
    assert (await api.call("GET", path)).json()["region"] == f"{region}-b"
    refused = await api.call("DELETE", path)
    assert "GoOffDuty" in problem(refused, 409, "impossible-transition")["allowed"]

    assert (await duty(api, path, "break")).json()["status"] == "on_break"
    assert (await duty(api, path, "resume")).json()["status"] == "available"
    assert (await duty(api, path, "off_duty")).json()["status"] == "off_duty"
    await api.call("DELETE", path, expect=204)
    await api.call("DELETE", path, expect=204)
    problem(await api.call("GET", path), 410, "gone")
    problem(await api.call("PUT", path, body=moved), 410, "gone")
    problem(await api.call("DELETE", f"/api/paramedics/{NOBODY}"), 404, "not-found")
    listed = (await api.call("GET", f"/api/paramedics?region={region}-b")).json()
    assert listed["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "fly"}, "/action"),
        ({}, ""),
        ({"action": "on_duty"}, ""),
        ({"action": "on_duty", "position": {**HERE, "at": "2026-01-01T00:00:00"}}, "/position/at"),
        ({"action": "off_duty", "why": "tired"}, ""),
    ],
)
async def test_a_duty_that_makes_no_sense_says_where(
    api: Api, body: dict[str, object], pointer: str
) -> None:
    unit = (await api.paramedic())["id"]
    response = await api.call("POST", f"/api/paramedics/{unit}/duty", body=body)
    assert problem(response, 422, "invalid-body")["errors"][0]["pointer"] == pointer


async def test_a_task_that_is_not_in_the_queue_is_not_found(api: Api) -> None:
    unit = (await api.paramedic())["id"]
    path = f"/api/paramedics/{unit}/tasks/{NOBODY}"
    response = await api.call("POST", path, "paramedic", unit, body={"action": "accept"})
    problem(response, 404, "unknown-task")
    for odd in ("a%00b", "%F0%9F%92%A5", "x" * 128):
        path = f"/api/paramedics/{unit}/tasks/{odd}"
        response = await api.call("POST", path, "paramedic", unit, body={"action": "accept"})
        problem(response, 404, "unknown-task")
    path = f"/api/paramedics/{unit}/tasks/{'x' * 129}"
    response = await api.call("POST", path, "paramedic", unit, body={"action": "accept"})
    problem(response, 400, "bad-request")


async def test_a_doctor_is_registered_replaced_and_retired(api: Api) -> None:
    specialty = f"s{uuid4().hex[:8]}"
    body = {**DOCTOR, "specialties": [specialty], "region": "blr"}
    created = await api.call("POST", "/api/doctors", body=body, expect=201)
    doctor, path = created.json(), created.headers["location"]
    me = doctor["id"]
    assert (await api.call("GET", path, "doctor", me, expect=200)).json() == doctor
    assert doctor["requests"] == [] and doctor["status"] == "off_duty"

    replacement = {**body, "name": "Dr M. Iyer"}
    replaced = await api.call("PUT", path, "doctor", me, body=replacement, expect=200)
    assert replaced.json()["name"] == "Dr M. Iyer"
    for action, status in (
        ("on_duty", "available"),
        ("away", "away"),
        ("back", "available"),
        ("off_duty", "off_duty"),
    ):
        assert (await duty(api, path, action)).json()["status"] == status
    problem(await duty(api, path, "back"), 409, "impossible-transition")

    listed = await api.call("GET", f"/api/doctors?specialty={specialty}", "patient", expect=200)
    (card,) = listed.json()["items"]
    assert card["id"] == me and "email" not in card
    await api.call("DELETE", path, expect=204)
    problem(await api.call("GET", path), 410, "gone")


async def test_a_doctors_plan_becomes_open_windows(api: Api) -> None:
    doctor = (await api.doctor())["id"]
    path = f"/api/doctors/{doctor}/availability"
    plan = {
        "timezone": "Asia/Kolkata",
        "weekly": [{"weekday": 0, "from_minute": 540, "to_minute": 720}],
        "exceptions": [],
    }
    put = await api.call("PUT", path, "doctor", doctor, body=plan, expect=200)
    assert put.json() == plan
    # 2026-11-23 is a Monday.
    query = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z"
    seen = (await api.call("GET", f"{path}?{query}", "patient", expect=200)).json()
    assert seen["windows"] == [
        {"from": "2026-11-23T09:00:00.000Z", "to": "2026-11-23T12:00:00.000Z"}
    ]
    fortnight = (await api.call("GET", path, "patient", expect=200)).json()
    assert len(fortnight["windows"]) in (2, 3)
    wrong = {"weekly": [{"weekday": 0, "from_minute": 720, "to_minute": 540}]}
    problem(await api.call("PUT", path, body=wrong), 422, "invalid-availability")
    reversed_ = "from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z"
    problem(await api.call("GET", f"{path}?{reversed_}"), 422, "invalid-range")


async def test_a_registration_reaches_its_entity_though_its_shard_was_away(
    api: Api, stack: Stack, impatient: Api
) -> None:
    async def listed() -> set[str]:
        page = (await api.call("GET", "/api/paramedics?limit=100")).json()
        return {one["id"] for one in page["items"]}

    before = await listed()
    lost = [stack.cluster.lose(index) for index in range(2)]
    try:
        response = await impatient.call("POST", "/api/paramedics", body=PARAMEDIC, key="away")
        problem(response, 503, "unavailable")
    finally:
        for index, shard in enumerate(lost):
            await shard.stop()
            await stack.cluster.start_shard(index)
    # The row and its message were committed: the shard's sweep brings it with nobody's help.
    (made,) = await listed() - before
    path = f"/api/paramedics/{made}"

    async def registered() -> bool:
        return bool((await api.call("GET", path)).json()["status"] == "off_duty")

    await until(registered)
    repeated = await api.call("POST", "/api/paramedics", body=PARAMEDIC, key="away", expect=201)
    assert repeated.headers["location"] == path
