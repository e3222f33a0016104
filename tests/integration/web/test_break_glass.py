"""Break-glass over the API: opened with a reason, told to the patient, over soon, reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest

from actors.domain.kernel import Sender
from storage.mail import PostgresMailOutbox
from tests.integration.realtime.waiting import until
from tests.integration.web.api import PATIENT, Api, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.node import Worker
from tests.integration.web.world import WHY
from web.access.break_glass.service import OPEN_FOR_S
from web.mail.mailer import opened as opened_mail
from web.tokens import TokenRole


async def opened(api: Api, patient: str, doctor: str, key: str | None = None) -> dict[str, str]:
    response = await api.call(
        "POST",
        f"/api/patients/{patient}/break-glass",
        "doctor",
        doctor,
        body={"reason": WHY},
        key=key,
        expect=201,
    )
    file: dict[str, str] = response.json()
    return file


async def rows(stack: Stack, statement: str, *values: object) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(statement, *values)
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["doctor", "paramedic"])
async def test_a_record_is_open_to_whoever_said_why_and_to_look_only(
    api: Api, role: TokenRole
) -> None:
    patient, who = (await api.patient())["id"], str(uuid4())
    record = f"/api/patients/{patient}"
    emergency = f"/api/emergencies/{(await api.emergency(patient))['id']}"
    for path in (record, f"{record}/history", emergency):
        problem(await api.call("GET", path, role, who), 404, "not-found")
    await api.call(
        "POST",
        f"{record}/break-glass",
        role,
        who,
        body={"reason": WHY},
        expect=201,
    )
    for path in (record, f"{record}/history", emergency):
        await api.call("GET", path, role, who, expect=200)
    refused = await api.call("PUT", record, role, who, body=PATIENT)
    problem(refused, 403, "forbidden")
    colleague = await api.call("GET", record, role, str(uuid4()))
    problem(colleague, 404, "not-found")


@pytest.mark.parametrize("reason", ["", "emergency", " " * 40, "a" + " " * 60 + "b", "x" * 2001])
async def test_a_reason_that_says_nothing_opens_nothing(api: Api, reason: str) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    path = f"/api/patients/{patient}"
    body = {"reason": reason}
    refused = await api.call("POST", f"{path}/break-glass", "doctor", doctor, body=body)
    problem(refused, 422, "invalid-body")
    problem(await api.call("GET", path, "doctor", doctor), 404, "not-found")


async def test_the_patient_is_told_by_mail_and_on_the_channel_and_not_why(
    api: Api, stack: Stack
) -> None:
    address = f"{uuid4().hex}@example.org"
    patient, doctor = (await api.patient(email=address))["id"], str(uuid4())
    worker = Worker(stack.node)
    async with worker.serving(), worker.device(Sender("patient", patient)) as device:
        events = await device.subscribe(f"patient:{patient}")
        file = await opened(api, patient, doctor)
        await until(lambda: events.data)
        (notice,) = events.data
        assert (notice["event"], notice["id"]) == ("record_opened", file["id"])
        assert notice["role"] == "doctor" and WHY not in str(notice)
    outbox = PostgresMailOutbox(stack.services.records.database)
    queued = await outbox.claim(stack.services.clock.now(), 1.0, 1000)
    (mail,) = [one.row for one in queued if str(one.row.id) == file["id"]]
    letter = opened_mail(mail, stack.services.vault)
    assert address in str(letter) and WHY not in str(letter)


async def test_a_patient_without_an_address_does_not_stand_in_the_way(api: Api) -> None:
    patient = (await api.patient(email=None))["id"]
    assert (await opened(api, patient, str(uuid4())))["patient_id"] == patient


async def test_a_repeat_is_the_same_file_and_another_reason_under_its_key_is_refused(
    api: Api,
) -> None:
    patient, doctor, key = (await api.patient())["id"], str(uuid4()), uuid4().hex
    first = await opened(api, patient, doctor, key)
    assert await opened(api, patient, doctor, key) == first
    body = {"reason": f"{WHY}, and the history"}
    path = f"/api/patients/{patient}/break-glass"
    refused = await api.call("POST", path, "doctor", doctor, body=body, key=key)
    problem(refused, 422, "idempotency-key-reused")


async def test_it_is_over_by_itself(api: Api, stack: Stack) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    file = await opened(api, patient, doctor)
    ((begins, ends),) = await rows(
        stack, "SELECT begins_at, ends_at FROM relationship WHERE id = $1", file["id"]
    )
    assert (ends - begins).total_seconds() == OPEN_FOR_S
    await rows(
        stack,
        "UPDATE relationship SET begins_at = begins_at - $2 * interval '1 s', "
        "ends_at = ends_at - $2 * interval '1 s' WHERE id = $1",
        file["id"],
        OPEN_FOR_S + 1,
    )
    path = f"/api/patients/{patient}"
    problem(await api.call("GET", path, "doctor", doctor), 404, "not-found")
    problem(await api.call("DELETE", f"{path}/break-glass", "doctor", doctor), 404, "not-found")


async def test_who_opened_it_closes_it(api: Api) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    path = f"/api/patients/{patient}"
    for _ in range(2):
        await opened(api, patient, doctor)
    await api.call("DELETE", f"{path}/break-glass", "doctor", doctor, expect=204)
    problem(await api.call("GET", path, "doctor", doctor), 404, "not-found")


async def test_files_wait_for_review_and_are_reviewed_once(api: Api) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    files = [await opened(api, patient, doctor) for _ in range(2)]

    async def listed(**query: str) -> list[str]:
        response = await api.call("GET", "/api/break-glass", "auditor", params=query, expect=200)
        # Other tests have files, too, and some of them clocks that are ahead.
        return [one["id"] for one in response.json()["items"] if one["id"] in newest_first]

    newest_first = [files[1]["id"], files[0]["id"]]
    assert await listed(reviewed="false") == newest_first
    path = f"/api/break-glass/{files[0]['id']}/review"
    body = {"verdict": "justified", "note": "the ward confirms it"}
    reviewed = (await api.call("POST", path, "auditor", body=body, expect=200)).json()
    assert (reviewed["reason"], reviewed["note"]) == (WHY, body["note"])
    assert (reviewed["verdict"], reviewed["reviewed_by"]) == ("justified", "auditor:the-auditor")
    problem(await api.call("POST", path, "admin", body=body), 409, "reviewed-already")
    assert files[0]["id"] not in await listed(reviewed="false")
    assert files[0]["id"] in await listed(reviewed="true")
    assert await listed() == newest_first
    paged: list[str] = []
    query = {"limit": "1"}
    while len(paged) < 2:
        page = await api.call("GET", "/api/break-glass", "admin", params=query, expect=200)
        paged += [one["id"] for one in page.json()["items"] if one["id"] in newest_first]
        query["cursor"] = page.json()["next"]
    assert paged == newest_first
    none = await api.call("POST", f"/api/break-glass/{uuid4()}/review", "admin", body=body)
    problem(none, 404, "not-found")


async def test_an_unjustified_one_is_over_at_once_also_on_sockets(api: Api, stack: Stack) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    emergency = (await api.emergency(patient))["id"]
    file = await opened(api, patient, doctor)
    worker = Worker(stack.node)
    async with worker.serving(), worker.device(Sender("doctor", doctor)) as device:
        events = await device.subscribe(f"emergency:{emergency}")
        body = {"verdict": "unjustified", "note": "no emergency was there"}
        path = f"/api/break-glass/{file['id']}/review"
        await api.call("POST", path, "admin", body=body, expect=200)
        await until(lambda: events.unsubscribed)
    problem(await api.call("GET", f"/api/patients/{patient}", "doctor", doctor), 404, "not-found")


async def test_what_was_written_lies_sealed(api: Api, stack: Stack) -> None:
    patient = (await api.patient())["id"]
    file = await opened(api, patient, str(uuid4()))
    ((reason,),) = await rows(stack, "SELECT reason FROM break_glass WHERE id = $1", file["id"])
    assert WHY.encode() not in reason


async def test_of_an_erased_patient_the_file_stays_without_what_was_written(
    api: Api, stack: Stack
) -> None:
    patient = (await api.patient())["id"]
    file = await opened(api, patient, str(uuid4()))
    await api.call("DELETE", f"/api/patients/{patient}", "admin", expect=204)
    await stack.services.vault.destroy(patient)
    listed = (await api.call("GET", "/api/break-glass", "auditor", expect=200)).json()["items"]
    (left,) = [one for one in listed if one["id"] == file["id"]]
    assert left == {**file, "reason": None}
    body = {"verdict": "justified", "note": "too late to say"}
    path = f"/api/break-glass/{file['id']}/review"
    problem(await api.call("POST", path, "auditor", body=body), 410, "gone")


async def test_it_is_in_the_trail_and_so_is_who_was_refused(api: Api, stack: Stack) -> None:
    patient, doctor = (await api.patient())["id"], str(uuid4())
    await opened(api, patient, doctor)
    problem(
        await api.call("GET", f"/api/patients/{patient}", "doctor", str(uuid4())), 404, "not-found"
    )
    seen = await api.call(
        "GET", "/api/audit", "auditor", params={"patient_id": patient}, expect=200
    )
    lines = [(one["action"], one["outcome"]) for one in seen.json()["items"]]
    assert ("patient.break_glass", "allowed") in lines
    assert ("patient.view", "denied") in lines
