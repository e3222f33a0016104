"""Patients: their records, and the way from a call for help to their history."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.integration.web.api import EMERGENCY, PATIENT, Api, problem

NOBODY = "019a0000-0000-7000-8000-000000000000"


async def test_a_patient_is_registered_read_replaced_and_deleted(api: Api) -> None:
    created = await api.call("POST", "/api/patients", body=PATIENT, expect=201)
    patient = created.json()
    path = created.headers["location"]
    assert path == f"/api/patients/{patient['id']}"
    assert patient["phone"] == "+919876543210"  # in its one form
    assert patient["upi_id"] == "asha.rao@okbank"
    for field in ("name", "birth_date", "sex", "email", "insurance", "contacts", "region"):
        assert patient[field] == PATIENT[field]
    assert patient["created_at"].endswith("Z")

    assert (await api.call("GET", path, expect=200)).json() == patient
    replacement = {"name": "Asha R.", "phone": "08012345"}
    await api.call("PUT", path, body=replacement, expect=200)
    replaced = (await api.call("GET", path, expect=200)).json()
    assert replaced["name"] == "Asha R."
    assert replaced["insurance"] is None and replaced["contacts"] == []
    assert replaced["created_at"] == patient["created_at"] < replaced["updated_at"]

    assert (await api.call("DELETE", path, "admin", expect=204)).content == b""
    problem(await api.call("GET", path), 410, "gone")
    problem(await api.call("PUT", path, body=replacement), 410, "gone")
    await api.call("DELETE", path, "admin", expect=204)
    problem(await api.call("DELETE", f"/api/patients/{NOBODY}", "admin"), 404, "not-found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"phone": "call me"}, "/phone"),
        ({"upi_id": "not-an-upi-id"}, "/upi_id"),
        ({"upi_id": "name@bank@bank"}, "/upi_id"),
        ({"email": "nobody"}, "/email"),
        ({"birth_date": "2999-01-01"}, "/birth_date"),
        ({"birth_date": "1980-02-30"}, "/birth_date"),
        ({"sex": "yes"}, "/sex"),
        ({"name": ""}, "/name"),
        ({"name": 7}, "/name"),
        ({"region": "a b"}, "/region"),
        ({"insurance": {"provider": "x"}}, "/insurance"),
        ({"contacts": [{"name": "a", "relation": "b", "phone": "xyz"}]}, "/contacts/0/phone"),
        ({"contacts": [PATIENT["contacts"][0]] * 11}, "/contacts"),
        ({"nickname": "Ash"}, ""),
    ],
)
async def test_what_is_wrong_in_a_body_is_pointed_at(
    api: Api, change: dict[str, object], pointer: str
) -> None:
    response = await api.call("POST", "/api/patients", body={**PATIENT, **change})
    (error,) = problem(response, 422, "invalid-body")["errors"]
    assert error["pointer"] == pointer and error["detail"]


async def test_all_that_only_a_look_at_the_value_tells_is_said_at_once(api: Api) -> None:
    body = {**PATIENT, "phone": "call me", "email": "nobody", "upi_id": "none"}
    found = problem(await api.call("POST", "/api/patients", body=body), 422, "invalid-body")
    assert [error["pointer"] for error in found["errors"]] == ["/phone", "/email", "/upi_id"]


async def test_a_list_is_filtered_by_what_is_asked_for(api: Api) -> None:
    mark, region = uuid4().hex[:12], f"r-{uuid4().hex[:8]}"
    first = await api.patient(name=f"{mark} One_%", phone="+14155550001", region=region)
    second = await api.patient(name=f"{mark} Two", phone="+14155550002", region=region)

    async def found(query: str) -> list[str]:
        page = (await api.call("GET", f"/api/patients?region={region}&{query}", expect=200)).json()
        return [item["id"] for item in page["items"]]

    both = [second["id"], first["id"]]
    assert await found("") == both
    assert await found(f"name={mark.upper()}") == both
    assert await found(f"name={mark}%20one_%25") == [first["id"]]
    assert await found("name=%25") == []  # no pattern, but the letter
    assert await found("phone=%2B1%20(415)%20555-0002") == [second["id"]]
    stamp = second["created_at"].replace("+", "%2B")
    assert await found(f"created_from={stamp}") == [second["id"]]
    assert await found(f"created_to={stamp}") == [first["id"]]
    await api.call("DELETE", f"/api/patients/{first['id']}", "admin", expect=204)
    assert await found("") == [second["id"]]


async def test_a_walk_over_pages_sees_each_row_once_while_rows_are_added(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    there = [(await api.patient(region=region))["id"] for _ in range(5)]
    seen: list[str] = []
    path: str | None = f"/api/patients?region={region}&limit=2"
    sizes = []
    while path is not None:
        page = (await api.call("GET", path, expect=200)).json()
        await api.patient(region=region)
        seen += [item["id"] for item in page["items"]]
        sizes.append(len(page["items"]))
        cursor = page["next"]
        path = cursor and f"/api/patients?region={region}&limit=2&cursor={cursor}"
    assert seen == there[::-1]
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%F0%9F%92%A5", "cursor"),
        ("region=a%20b", "region"),
        ("created_from=yesterday", "created_from"),
        ("created_to=0001-01-01T00:00:00Z", "created_to"),
        ("name=a%00b", "name"),
        ("phone=call", "phone"),
    ],
)
async def test_a_bad_parameter_is_named(api: Api, query: str, parameter: str) -> None:
    response = await api.call("GET", f"/api/patients?{query}")
    (error,) = problem(response, 400, "bad-request")["errors"]
    assert error["parameter"] == parameter


async def test_history_holds_what_was_raised_newest_first(api: Api) -> None:
    patient = await api.patient()
    me = patient["id"]
    raised = [(await api.emergency(me, region="history"))["id"] for _ in range(3)]
    path = f"/api/patients/{me}/history"
    page = (await api.call("GET", path, "patient", me, expect=200)).json()
    assert [item["id"] for item in page["items"]] == raised[::-1]
    assert page["items"][0]["symptoms"] == EMERGENCY["symptoms"]
    first = (await api.call("GET", f"{path}?limit=2", "patient", me, expect=200)).json()
    rest = await api.call("GET", f"{path}?limit=2&cursor={first['next']}", "patient", me)
    assert [item["id"] for item in rest.json()["items"]] == raised[:1]
    problem(await api.call("GET", f"/api/patients/{NOBODY}/history"), 404, "not-found")
