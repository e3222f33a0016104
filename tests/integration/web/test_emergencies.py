"""Emergencies over the API, with a crew that works on them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.web.api import EMERGENCY, HERE, Api, problem
from tests.waiting import until

NOBODY = "019a0000-0000-7000-8000-000000000000"


async def crew_with_offer(api: Api, region: str) -> tuple[str, str, dict[str, Any]]:
    """A unit on duty, a patient, and the emergency that the unit is offered."""
    unit = (await api.paramedic(region=region))["id"]
    on = {"action": "on_duty", "position": HERE}
    await api.call("POST", f"/api/paramedics/{unit}/duty", "paramedic", unit, body=on, expect=200)
    patient = (await api.patient(region=region))["id"]
    emergency = await api.emergency(patient)

    async def offered() -> bool:
        return bool(await tasks_of(api, unit))

    await until(offered)
    return unit, patient, emergency


async def tasks_of(api: Api, unit: str) -> list[dict[str, Any]]:
    path = f"/api/paramedics/{unit}/tasks"
    found: list[dict[str, Any]] = (
        await api.call("GET", path, "paramedic", unit, expect=200)
    ).json()["tasks"]
    return found


async def act(api: Api, unit: str, task: str, **action: Any) -> dict[str, Any]:
    path = f"/api/paramedics/{unit}/tasks/{task}"
    done = await api.call("POST", path, "paramedic", unit, body=action, expect=200)
    view: dict[str, Any] = done.json()
    return view


async def status_of(api: Api, emergency: str) -> str:
    return str(
        (await api.call("GET", f"/api/emergencies/{emergency}", expect=200)).json()["status"]
    )


async def test_an_emergency_from_the_call_to_the_hospital(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, patient, emergency = await crew_with_offer(api, region)
    assert emergency["priority"] == 2 and emergency["status"] == "raised"
    path = f"/api/emergencies/{emergency['id']}"
    problem(await api.call("GET", path, "paramedic", unit), 404, "not-found")  # not yet its crew
    problem(await api.call("GET", f"/api/patients/{patient}", "paramedic", unit), 404, "not-found")

    (task,) = await tasks_of(api, unit)
    assert task["symptoms"] == EMERGENCY["symptoms"] and task["step"] == "pending"
    accepted = await act(api, unit, task["id"], action="accept")
    assert accepted["status"] == "on_task"

    async def assigned() -> bool:
        return await status_of(api, emergency["id"]) == "assigned"

    await until(assigned)
    seen = (await api.call("GET", path, "paramedic", unit, expect=200)).json()
    assert seen["unit"] == unit
    patient_seen = await api.call("GET", f"/api/patients/{patient}", "paramedic", unit)
    assert patient_seen.status_code == 200  # the crew knows whom it drives to
    history = await api.call("GET", f"/api/patients/{patient}/history", "paramedic", unit)
    assert [item["id"] for item in history.json()["items"]] == [emergency["id"]]

    here = {**HERE, "at": "2999-01-01T00:00:00Z"}  # a device's clock that is ahead
    await act(api, unit, task["id"], action="progress", step="en_route", position=here)
    for step in ("on_scene", "transporting", "at_hospital", "completed"):
        await act(api, unit, task["id"], action="progress", step=step)

    async def closed() -> bool:
        return await status_of(api, emergency["id"]) == "closed"

    await until(closed)
    problem(await api.call("GET", f"/api/patients/{patient}", "paramedic", unit), 404, "not-found")
    mine = (await api.call("GET", path, "patient", patient, expect=200)).json()
    assert list(mine["times"]) == [
        "raised",
        "assigned",
        "en_route",
        "on_scene",
        "transporting",
        "at_hospital",
        "closed",
    ]


async def test_a_declined_task_waits_and_a_handed_back_one_waits_again(api: Api) -> None:
    unit, _, emergency = await crew_with_offer(api, f"r-{uuid4().hex[:8]}")
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    back = await act(api, unit, task["id"], action="hand_back", reason="flat tyre")
    assert back["status"] == "available"

    async def raised() -> bool:
        return await status_of(api, emergency["id"]) == "raised"

    await until(raised)
    unit, _, _ = await crew_with_offer(api, f"r-{uuid4().hex[:8]}")
    (task,) = await tasks_of(api, unit)
    declined = await act(api, unit, task["id"], action="decline", reason="too far")
    assert declined["tasks"] == []


async def test_the_dispatcher_of_a_region_shows_its_cases_and_units(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, emergency = await crew_with_offer(api, region)
    seen = (await api.call("GET", f"/api/dispatch/{region}", expect=200)).json()
    assert [case["emergency"] for case in seen["cases"]] == [emergency["id"]]
    assert [row["unit"] for row in seen["units"]] == [unit]
    empty = (await api.call("GET", "/api/dispatch/nowhere", expect=200)).json()
    assert empty == {"region": "nowhere", "cases": [], "units": [], "stations": []}


async def test_a_patient_cancels_and_may_not_twice(api: Api) -> None:
    patient = (await api.patient())["id"]
    emergency = (await api.emergency(patient, region="cancel"))["id"]
    path, body = f"/api/emergencies/{emergency}/cancel", {"reason": "it was nothing"}
    done = await api.call("POST", path, "patient", patient, body=body, expect=200)
    assert done.json()["status"] == "cancelled"
    found = problem(
        await api.call("POST", path, "patient", patient, body=body), 409, "impossible-transition"
    )
    assert "allowed" not in found  # nothing is possible any more
    detail = (await api.call("GET", f"/api/emergencies/{emergency}", expect=200)).json()
    assert detail["cancellation"] == {
        "role": "patient",
        "subject": patient,
        "reason": "it was nothing",
    }


async def test_staff_set_a_priority_over_triages(api: Api) -> None:
    patient = (await api.patient())["id"]
    emergency = (await api.emergency(patient, region="priority"))["id"]
    path = f"/api/emergencies/{emergency}/priority"
    body = {"priority": 1, "reason": "the caller is alone"}
    assert (await api.call("POST", path, body=body, expect=200)).json()["priority"] == 1
    detail = (await api.call("GET", f"/api/emergencies/{emergency}", expect=200)).json()
    assert detail["triage_priority"] == 2
    assert [(o["previous"], o["subject"]) for o in detail["overrides"]] == [(2, "the-ops")]
    wrong = await api.call("POST", path, body={"priority": 5, "reason": "x"})
    assert problem(wrong, 422, "invalid-body")["errors"][0]["pointer"] == "/priority"


async def test_the_list_narrows_to_region_patient_status_and_time(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    one, other = (await api.patient())["id"], (await api.patient())["id"]
    first = await api.emergency(one, region=region)
    second = await api.emergency(other, region=region)
    reason = {"reason": "mistaken"}
    await api.call("POST", f"/api/emergencies/{first['id']}/cancel", body=reason, expect=200)

    async def found(query: str) -> list[str]:
        path = f"/api/emergencies?region={region}&{query}"
        page = (await api.call("GET", path, expect=200)).json()
        return [item["id"] for item in page["items"]]

    assert await found("") == [second["id"], first["id"]]
    assert await found(f"patient_id={one}") == [first["id"]]
    assert await found("status=raised") == [second["id"]]
    assert await found("status=cancelled") == [first["id"]]
    assert await found("raised_from=2999-01-01T00:00:00Z") == []
    page = (await api.call("GET", f"/api/emergencies?region={region}&limit=1")).json()
    assert await found(f"cursor={page['next']}") == [first["id"]]


async def test_region_and_phone_are_the_patients_unless_the_call_says_otherwise(api: Api) -> None:
    patient = (await api.patient(region="home", phone="+14155550123"))["id"]
    emergency = await api.emergency(patient)
    assert emergency["region"] == "home"
    path = f"/api/emergencies/{emergency['id']}"
    assert (await api.call("GET", path)).json()["contact_phone"] == "+14155550123"
    emergency = await api.emergency(patient, region="away", contact_phone="080 555 0199")
    path = f"/api/emergencies/{emergency['id']}"
    seen = (await api.call("GET", path)).json()
    assert (seen["region"], seen["contact_phone"]) == ("away", "0805550199")
    unsettled = (await api.patient(region=None))["id"]
    assert (await api.emergency(unsettled))["region"] == "city"  # the service's own


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"location": {"lat": 91, "lon": 0}}, "/location/lat"),
        ({"location": {"lat": 1}}, "/location"),
        ({"answers": {"breathing": "maybe"}}, "/answers/breathing"),
        ({"answers": {"colour": "blue"}}, "/answers"),
        ({"answers": {"pain_score": 11}}, "/answers/pain_score"),
        ({"symptoms": "pain"}, "/symptoms"),
        ({"symptoms": [""]}, "/symptoms/0"),
        ({"needs": ["ALS!"]}, "/needs/0"),
        ({"contact_phone": "nobody"}, "/contact_phone"),
        ({"priority": 1}, ""),
    ],
)
async def test_a_call_that_cannot_be_taken_says_where(
    api: Api, change: dict[str, object], pointer: str
) -> None:
    patient = (await api.patient())["id"]
    response = await api.call(
        "POST", f"/api/patients/{patient}/emergency", body={**EMERGENCY, **change}
    )
    assert problem(response, 422, "invalid-body")["errors"][0]["pointer"] == pointer


async def test_nobody_is_raised_for_who_is_not_there(api: Api) -> None:
    path = f"/api/patients/{NOBODY}/emergency"
    problem(await api.call("POST", path, body=EMERGENCY), 404, "not-found")
    gone = (await api.patient())["id"]
    await api.call("DELETE", f"/api/patients/{gone}", "admin", expect=204)
    path = f"/api/patients/{gone}/emergency"
    problem(await api.call("POST", path, body=EMERGENCY), 410, "gone")


async def test_the_triage_questions_are_those_that_are_answered(api: Api) -> None:
    found = (await api.call("GET", "/api/triage/questions", "patient", expect=200)).json()
    patient = (await api.patient())["id"]
    answers = {
        question["id"]: "no" if question["kind"] == "choice" else question["maximum"]
        for question in found["questions"]
    }
    emergency = await api.emergency(patient, answers=answers, region="triage")
    assert emergency["priority"] == 1  # not breathing, not conscious
