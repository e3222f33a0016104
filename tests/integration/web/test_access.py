"""Who may do what: each role at each route, with what is its own and what is another's.

A route that is not in the table fails the test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from litestar.routes import HTTPRoute

from tests.integration.web.api import DOCTOR, EMERGENCY, HERE, PARAMEDIC, PATIENT, Api, problem
from tests.integration.web.conftest import Stack
from web.tokens import TokenRole


class Rule(NamedTuple):
    """Who may, as letters: p patient (its own), P any patient, m paramedic (its own), M any
    paramedic, d doctor (its own), D any doctor, o ops, a admin; `open`: everybody, unasked.

    A role whose own would do is told 404 of another's; a role that may never is told 403.
    """

    who: str
    body: Any = None


PLAN = {"timezone": "UTC"}
TABLE: dict[tuple[str, str], Rule] = {
    ("POST", "/api/patients"): Rule("oa", PATIENT),
    ("GET", "/api/patients"): Rule("oa"),
    # c: a crew on its way to the patient, which this suite's paramedic is not.
    ("GET", "/api/patients/{patient_id}"): Rule("pcoa"),
    ("PUT", "/api/patients/{patient_id}"): Rule("poa", PATIENT),
    ("DELETE", "/api/patients/{patient_id}"): Rule("a"),
    ("GET", "/api/patients/{patient_id}/history"): Rule("pcoa"),
    ("POST", "/api/patients/{patient_id}/emergency"): Rule("poa", EMERGENCY),
    ("GET", "/api/emergencies"): Rule("oa"),
    ("GET", "/api/emergencies/{emergency_id}"): Rule("pcoa"),
    ("POST", "/api/emergencies/{emergency_id}/cancel"): Rule("poa", {"reason": "walk"}),
    ("POST", "/api/emergencies/{emergency_id}/priority"): Rule(
        "oa", {"priority": 3, "reason": "walk"}
    ),
    ("GET", "/api/dispatch/{region}"): Rule("oa"),
    ("GET", "/api/triage/questions"): Rule("PMDoa"),
    ("POST", "/api/paramedics"): Rule("oa", PARAMEDIC),
    ("GET", "/api/paramedics"): Rule("oa"),
    ("GET", "/api/paramedics/{paramedic_id}"): Rule("moa"),
    ("PUT", "/api/paramedics/{paramedic_id}"): Rule("oa", PARAMEDIC),
    ("DELETE", "/api/paramedics/{paramedic_id}"): Rule("oa"),
    ("GET", "/api/paramedics/{paramedic_id}/tasks"): Rule("moa"),
    ("POST", "/api/paramedics/{paramedic_id}/tasks/{task_id}"): Rule("m", {"action": "accept"}),
    ("POST", "/api/paramedics/{paramedic_id}/duty"): Rule(
        "moa", {"action": "on_duty", "position": HERE}
    ),
    ("POST", "/api/doctors"): Rule("oa", DOCTOR),
    ("GET", "/api/doctors"): Rule("PMDoa"),
    ("GET", "/api/doctors/{doctor_id}"): Rule("doa"),
    ("PUT", "/api/doctors/{doctor_id}"): Rule("doa", DOCTOR),
    ("DELETE", "/api/doctors/{doctor_id}"): Rule("oa"),
    ("GET", "/api/doctors/{doctor_id}/availability"): Rule("PMDoa"),
    ("PUT", "/api/doctors/{doctor_id}/availability"): Rule("doa", PLAN),
    ("POST", "/api/doctors/{doctor_id}/duty"): Rule("doa", {"action": "on_duty"}),
    ("POST", "/api/tokens"): Rule("a", {"role": "ops", "subject": "walk"}),
    ("GET", "/health/live"): Rule("open"),
    ("GET", "/health/ready"): Rule("open"),
    ("GET", "/metrics"): Rule("oa"),
    ("GET", "/asyncapi"): Rule("open"),
    ("GET", "/schema"): Rule("open"),
    ("GET", "/schema/openapi.json"): Rule("open"),
    ("GET", "/schema/{path}"): Rule("open"),
}
ROLES: dict[TokenRole, str] = {
    "patient": "p",
    "paramedic": "m",
    "doctor": "d",
    "ops": "o",
    "admin": "a",
}


def test_every_route_of_the_application_is_in_the_table(stack: Stack) -> None:
    routes = {
        (method, route.path_format)
        for route in stack.app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }
    assert routes == set(TABLE)


async def things(api: Api) -> dict[str, str]:
    """New ones, one of each kind, belonging together."""
    patient = (await api.patient(region="walk"))["id"]
    return {
        "patient_id": patient,
        "emergency_id": (await api.emergency(patient, region="walk"))["id"],
        "paramedic_id": (await api.paramedic(region="walk"))["id"],
        "doctor_id": (await api.doctor())["id"],
        "task_id": "none",
        "region": "walk",
        "path": "none.json",
    }


@pytest.mark.parametrize(("method", "path"), [key for key in TABLE if key[1].startswith("/api")])
async def test_a_route_serves_whom_it_may_and_nobody_else(api: Api, method: str, path: str) -> None:
    rule = TABLE[method, path]
    for role, letter in ROLES.items():
        there = await things(api)
        own = {"p": "patient_id", "m": "paramedic_id", "d": "doctor_id"}.get(letter)
        address = path.format(**there)
        stranger = await api.call(method, address, role, "a-stranger", body=rule.body)
        mine = await api.call(method, address, role, own and there[own], body=rule.body)
        sometimes = letter in rule.who or (role == "paramedic" and "c" in rule.who)
        if (letter in "oa" and letter in rule.who) or letter.upper() in rule.who:
            served(stranger)
        elif sometimes:
            problem(stranger, 404, "not-found")
        else:
            problem(stranger, 403, "forbidden")
        if letter in rule.who and letter not in "oa":
            served(mine)


def served(response: Any) -> None:
    """It got past the door: done, or refused by the state of things."""
    slug = response.json()["type"] if response.status_code >= 400 else ""
    assert response.is_success or slug in ("/problems/unknown-task",), response.text


@pytest.mark.parametrize(("method", "path"), list(TABLE))
async def test_no_route_is_open_but_those_that_say_so(api: Api, method: str, path: str) -> None:
    rule = TABLE[method, path]
    address = path.format_map(dict.fromkeys(await things_of_nobody(), NOBODY))
    response = await api.client.request(method, address, json=rule.body)
    if rule.who == "open":
        assert response.status_code in (200, 404)
    else:
        problem(response, 401, "unauthorized")
    options = await api.client.request("OPTIONS", address)
    assert options.status_code == (204 if rule.who == "open" else 401)


NOBODY = "019a0000-0000-7000-8000-000000000000"


async def things_of_nobody() -> list[str]:
    return [
        "patient_id",
        "emergency_id",
        "paramedic_id",
        "doctor_id",
        "task_id",
        "region",
        "path",
    ]


async def test_what_is_not_there_and_what_is_anothers_look_the_same(api: Api) -> None:
    there = await things(api)
    for kind in ("patients", "emergencies"):
        id_ = there["patient_id" if kind == "patients" else "emergency_id"]
        other = await api.call("GET", f"/api/{kind}/{id_}", "patient", "a-stranger")
        none = await api.call("GET", f"/api/{kind}/{NOBODY}", "patient", "a-stranger")
        seen, unseen = other.json(), none.json()
        assert {**seen, "request_id": ""} == {**unseen, "request_id": ""}


async def test_an_administrator_hands_out_tokens_that_work_and_none_of_its_own_kind(
    api: Api,
) -> None:
    there = await things(api)
    body = {"role": "patient", "subject": there["patient_id"], "ttl_s": 60}
    issued = (await api.call("POST", "/api/tokens", "admin", body=body, expect=201)).json()
    response = await api.client.get(
        f"/api/patients/{there['patient_id']}",
        headers={"Authorization": f"Bearer {issued['token']}"},
    )
    assert response.status_code == 200
    for wrong in ({"role": "admin"}, {"ttl_s": 86_401}, {"ttl_s": 0}, {"subject": ""}):
        refused = await api.call("POST", "/api/tokens", "admin", body={**body, **wrong})
        problem(refused, 422, "invalid-body")
