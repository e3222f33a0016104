"""Every request leaves its line, what cannot be audited is refused, and who may read the trail."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from litestar.routes import HTTPRoute

from storage.audit import AuditEntry, MemoryAuditTrail
from storage.audit.verify_postgres import verify
from tests.integration.web.api import EMERGENCY, HERE, PATIENT, Api, problem
from tests.integration.web.conftest import Stack, client_of
from tests.integration.web.test_emergencies import act, crew_with_offer, tasks_of
from tests.waiting import until
from web.app import create_app
from web.audit.note import sealed_note
from web.audit.route import why_unaudited
from web.auth import is_open
from web.tokens import TokenRole

# What is nobody's record. Whoever adds to it must be able to say so.
UNAUDITED = {("GET", "/metrics"), ("GET", "/api/triage/questions")}
# Open doors that the trail has nothing to say of: no data is behind them.
OPEN = re.compile(r"/(health|schema|asyncapi|ui|\.well-known|connection|emulation)(/|$)|/$")


@pytest.fixture
def trail() -> MemoryAuditTrail:
    return MemoryAuditTrail()


@pytest.fixture
async def watched(stack: Stack, api: Api, trail: MemoryAuditTrail) -> AsyncIterator[Api]:
    """The application with a trail that the test looks into."""
    app = create_app(replace(stack.services, audit=trail))
    async with client_of(app) as client:
        yield api.elsewhere(client)


def of(trail: MemoryAuditTrail, request_id: str) -> list[AuditEntry]:
    return [entry for entry in trail.entries if entry.request_id == request_id]


def routes(stack: Stack) -> list[tuple[str, str, Any]]:
    return [
        (method, route.path_format, handler)
        for route in stack.app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"})
    ]


async def test_every_route_leaves_a_line(
    stack: Stack, watched: Api, trail: MemoryAuditTrail
) -> None:
    silent = []
    for method, path, handler in routes(stack):
        if is_open(handler.opt) or why_unaudited(handler.opt) is not None:
            continue
        address = re.sub(r"\{(\w+)\}", lambda found: _named(found[1]), path)
        id_ = uuid4().hex
        for role in ("admin", "patient", "auditor"):
            token = watched.token(role)
            headers = {"Authorization": f"Bearer {token}", "X-Request-Id": id_}
            body: Any = {} if method in ("POST", "PUT", "PATCH") else None
            answer = await watched.client.request(method, address, headers=headers, json=body)
            lines = of(trail, id_)
            if not any((line.role, line.subject) == (role, f"the-{role}") for line in lines):
                silent.append((method, path, role, answer.status_code))
            if answer.status_code == 403:
                assert lines[-1].outcome == "denied", (method, path, role)
    assert silent == []


def _named(parameter: str) -> str:
    if parameter == "slot":
        return "2"
    return str(uuid4()) if parameter.endswith("_id") and parameter != "task_id" else "none"


def test_what_is_not_audited_is_on_the_list(stack: Stack) -> None:
    unaudited = {
        (method, path)
        for method, path, handler in routes(stack)
        if why_unaudited(handler.opt) is not None
    }
    assert unaudited == UNAUDITED
    unknown = {
        path
        for _, path, handler in routes(stack)
        if is_open(handler.opt) and not OPEN.match(path) and not path.startswith("/api/")
    }
    assert unknown == set()


async def test_a_line_says_who_did_what_to_whom_from_where(
    api: Api, watched: Api, trail: MemoryAuditTrail
) -> None:
    patient = (await api.patient())["id"]
    answer = await watched.call(
        "GET", f"/api/patients/{patient}", "ops", "alice", expect=200,
        headers={"X-Request-Id": "a-b.c_9"},
    )  # fmt: skip
    assert answer.headers["x-request-id"] == "a-b.c_9"
    (line,) = of(trail, "a-b.c_9")
    assert (line.role, line.subject, line.action) == ("ops", "alice", "patient.view")
    assert (line.kind, line.id, line.patients) == ("patient", patient, (patient,))
    assert (line.outcome, line.address) == ("allowed", "127.0.0.1")


async def test_an_id_that_is_none_is_replaced(watched: Api, trail: MemoryAuditTrail) -> None:
    answer = await watched.call(
        "GET", "/api/patients", headers={"X-Request-Id": "x\ty"}, expect=200
    )
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert of(trail, answer.headers["x-request-id"])


async def test_a_listing_says_of_everyone_it_showed(
    api: Api, watched: Api, trail: MemoryAuditTrail
) -> None:
    patient = (await api.patient(region="lister"))["id"]
    await watched.call("GET", "/api/patients?region=lister", expect=200)
    assert patient in trail.entries[-1].patients
    emergency = (await api.emergency(patient, region="lister"))["id"]
    for path in (
        "/api/emergencies?region=lister",
        f"/api/emergencies/{emergency}",
        f"/api/patients/{patient}/history",
    ):
        await watched.call("GET", path, expect=200)
        assert patient in trail.entries[-1].patients, path


async def test_denials_are_told_apart(api: Api, watched: Api, trail: MemoryAuditTrail) -> None:
    patient = (await api.patient())["id"]
    emergency = (await api.emergency(patient))["id"]
    for method, path, role, reason, whose in (
        ("GET", "/api/patients", "doctor", "role", ()),
        ("GET", f"/api/patients/{patient}", "patient", "not-related", (patient,)),
        ("GET", f"/api/emergencies/{emergency}", "patient", "not-related", ()),
        ("POST", f"/api/emergencies/{emergency}/cancel", "patient", "not-related", ()),
    ):
        body = {"reason": "x"} if method == "POST" else None
        answer = await watched.call(method, path, role, "stranger", body=body)  # type: ignore[arg-type]  # roles, above
        assert answer.status_code in (403, 404)
        line = trail.entries[-1]
        assert (line.outcome, line.reason, line.patients) == ("denied", reason, whose), path
    await watched.call("GET", f"/api/patients/{uuid4()}", "admin", expect=404)
    assert trail.entries[-1].outcome == "failed"


async def test_refused_tokens_leave_one_line_a_minute(
    watched: Api, trail: MemoryAuditTrail
) -> None:
    for _ in range(20):
        answer = await watched.client.get("/api/patients", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 401
    (line,) = [one for one in trail.entries if one.action == "authenticate"]
    assert (line.role, line.outcome, line.reason) == ("anonymous", "denied", "invalid-token")


async def test_a_change_is_in_the_trail_before_it_is_made(
    watched: Api, trail: MemoryAuditTrail
) -> None:
    answer = await watched.call("POST", "/api/patients", body=PATIENT, expect=201)
    begun, done = trail.entries
    assert (begun.outcome, begun.action, begun.patients) == ("begun", "patient.create", ())
    assert (done.outcome, done.action) == ("allowed", "patient.create")
    assert done.patients == (answer.json()["id"],)
    assert begun.request_id == done.request_id


async def test_what_cannot_be_audited_is_refused_and_help_is_not(
    api: Api, watched: Api, trail: MemoryAuditTrail
) -> None:
    patient = (await api.patient(name="Still Herself"))["id"]
    trail.available = False
    for method, body in (("GET", None), ("PUT", {**PATIENT, "name": "Changed"}), ("DELETE", None)):
        answer = await watched.call(method, f"/api/patients/{patient}", "admin", body=body)
        found = problem(answer, 503, "audit-unavailable")
        assert "Herself" not in answer.text and answer.headers["retry-after"] == "1"
        assert found["detail"]
    shown = await api.call("GET", f"/api/patients/{patient}", "admin", expect=200)
    assert shown.json()["name"] == "Still Herself"
    await watched.call("GET", "/api/patients", "doctor", expect=403)
    raised = await watched.call(
        "POST", f"/api/patients/{patient}/emergency", "patient", patient, body=EMERGENCY, expect=201
    )
    path = f"/api/emergencies/{raised.json()['id']}/cancel"
    await watched.call("POST", path, "patient", patient, body={"reason": "better"}, expect=200)
    await watched.call("GET", "/api/triage/questions", "patient", expect=200)
    assert trail.missed >= 2 and not trail.entries


async def test_the_trail_is_for_auditors_and_holds_together(api: Api, stack: Stack) -> None:
    patient = (await api.patient())["id"]
    doctor = (await api.doctor())["id"]
    for n in range(5):
        await api.call("GET", f"/api/patients/{patient}", "ops", f"op-{n % 2}", expect=200)
    await api.call("GET", f"/api/patients/{patient}", "doctor", doctor, expect=404)
    emergency = (await api.emergency(patient))["id"]
    for role in ("ops", "doctor", "paramedic", "patient"):
        await api.call("GET", "/api/audit", role, expect=403)

    async def lines(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"/api/audit?limit=3&{query}{cursor}"
            page = (await api.call("GET", path, "auditor", expect=200)).json()
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    about = await lines(f"patient_id={patient}&action=patient.view")
    assert [line["outcome"] for line in about] == ["denied", *["allowed"] * 5]
    assert about[0]["subject"] == doctor and about[0]["reason"] == "not-related"
    assert len(await lines(f"patient_id={patient}&subject=op-1")) == 2
    assert len(await lines(f"patient_id={patient}&outcome=denied")) == 1
    assert await lines(f"patient_id={patient}&until=2001-01-01T00:00:00Z") == []
    steps = await lines(f"kind=emergency&id={emergency}")
    assert {"RaiseEmergency"} <= {line["action"] for line in steps if line["source"] == "command"}
    whole = await lines(f"patient_id={patient}")
    order = [(datetime.fromisoformat(line["at"]), line["chain"], line["seq"]) for line in whole]
    assert order == sorted(order, reverse=True) and len(set(order)) == len(order)
    assert await lines("action=audit.list&role=auditor&subject=the-auditor")
    assert (await verify(stack.database_url, None)).findings == ()
    for bad in ("cursor=x", "cursor=WzEsMl0", "outcome=maybe", "subject=%00"):
        problem(await api.call("GET", f"/api/audit?{bad}", "auditor"), 400, "bad-request")


async def test_a_patient_sees_who_saw_the_record_in_words(api: Api) -> None:
    patient = (await api.patient(region="words"))["id"]
    unit = (await api.paramedic(region="words", name="Unit 12"))["id"]
    path = f"/api/paramedics/{unit}/duty"
    body = {"action": "on_duty", "position": HERE}
    await api.call("POST", path, "paramedic", unit, body=body, expect=200)
    await api.call("GET", f"/api/patients/{patient}", "ops", "alice", expect=200)
    await api.call("GET", f"/api/patients/{patient}", "patient", patient, expect=200)
    await api.call("GET", f"/api/patients/{patient}", "patient", "stranger", expect=404)
    log = f"/api/patients/{patient}/access-log"
    others: list[tuple[TokenRole, str]] = [("patient", "stranger"), ("ops", "a"), ("doctor", "x")]
    for role, subject in others:
        answer = await api.call("GET", log, role, subject)
        assert answer.status_code in (403, 404)
    shown = (await api.call("GET", log, "patient", patient, expect=200)).json()["items"]
    assert shown[0]["text"] == "Somebody of the control room viewed your record"
    assert {line["relation"] for line in shown} == {"staff"}
    await api.emergency(patient, region="words")

    async def offered() -> bool:
        return bool(await tasks_of(api, unit))

    await until(offered)
    await api.call("GET", "/api/dispatch/words", "ops", "alice", expect=200)
    await api.call("GET", log, "auditor", expect=200)
    shown = (await api.call("GET", log, "patient", patient, expect=200)).json()["items"]
    told = {line["text"] for line in shown}
    assert told >= {
        "Unit 12 (ambulance crew) saw your emergency among the crew's tasks",
        "Somebody of the control room saw your emergency among those of the region",
        "An auditor looked at who saw your record",
    }
    own = (await api.call("GET", f"{log}?own=true", "patient", patient, expect=200)).json()["items"]
    assert "You viewed your record" in [line["text"] for line in own]
    assert "alice" not in str(own)


async def test_notes_are_sealed_and_open_for_auditors(api: Api, stack: Stack) -> None:
    patient = (await api.patient())["id"]
    note = await sealed_note(stack.services.vault, patient, "found unconscious")
    assert b"unconscious" not in note
    await stack.services.audit.record_now(
        AuditEntry(
            at=stack.services.clock.now(), role="doctor", subject="d", action="patient.break_glass",
            outcome="allowed", kind="patient", id=patient, patients=(patient,), note=note,
        )
    )  # fmt: skip
    path = f"/api/audit?patient_id={patient}&action=patient.break_glass"
    (line,) = (await api.call("GET", path, "auditor", expect=200)).json()["items"]
    assert line["note"] == "found unconscious"
    log = f"/api/patients/{patient}/access-log"
    shown = (await api.call("GET", log, "patient", patient, expect=200)).json()["items"]
    (opened,) = [line for line in shown if line["emergency"]]
    assert "had to say why" in opened["text"] and "unconscious" not in str(shown)


async def test_breaking_the_glass_leaves_the_reason_sealed(
    api: Api, watched: Api, trail: MemoryAuditTrail, stack: Stack
) -> None:
    patient = (await api.patient())["id"]
    path, body = f"/api/patients/{patient}/break-glass", {"reason": "unconscious, no papers"}
    answer = await watched.call("POST", path, "doctor", "house", body=body, expect=201)
    begun, done = of(trail, answer.headers["x-request-id"])
    assert (begun.outcome, done.outcome, done.action) == (
        "begun",
        "allowed",
        "patient.break_glass",
    )
    assert done.patients == (patient,) and done.note is not None
    assert stack.services.vault.open(patient, done.note, b"audit.note") == body["reason"].encode()
    trail.available = False
    problem(
        await watched.call("POST", path, "doctor", "house", body=body), 503, "audit-unavailable"
    )


async def test_why_an_order_was_given_is_in_the_trail_until_its_patient_is_erased(
    api: Api, stack: Stack
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, patient, emergency = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="decline", reason="no fuel")
    path = f"/api/paramedics/{unit}/tasks/{task['id']}"
    body = {"action": "decline", "reason": "still no fuel"}
    await api.call("POST", path, "paramedic", unit, body=body, expect=404)
    cancel = f"/api/emergencies/{emergency['id']}/cancel"
    for reason, status in (("she is well", 200), ("really", 409)):
        body = {"reason": reason}
        await api.call("POST", cancel, "patient", patient, body=body, expect=status)
    body = {"reason": "of a stranger"}
    await api.call("POST", cancel, "patient", "stranger", body=body, expect=404)

    async def lines(query: str) -> list[tuple[str, str, str, str]]:
        page = (await api.call("GET", f"/api/audit?{query}", "auditor", expect=200)).json()
        return [
            (line["role"], line["action"], line["outcome"], line["note"])
            for line in page["items"]
            if line["source"] == "access" and line["note"] is not None
        ]

    async def said() -> bool:
        found = await lines(f"patient_id={patient}&limit=100")
        return found == [
            ("patient", "emergency.cancel", "failed", "really"),
            ("patient", "emergency.cancel", "allowed", "she is well"),
            ("paramedic", "task.answer", "allowed", "no fuel"),
        ]

    await until(said)
    assert await lines("subject=stranger&action=emergency.cancel") == []
    shown = await api.call("GET", f"/api/patients/{patient}/access-log", "patient", patient)
    assert shown.status_code == 200 and "fuel" not in shown.text
    assert "did “" not in shown.text  # each has its words
    await stack.services.vault.destroy(patient)
    assert await lines(f"patient_id={patient}&limit=100") == []
