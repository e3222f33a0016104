"""Family links over the API: invited, accepted, used, ended; and children's records."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from actors.domain.kernel import Sender
from tests.integration.realtime.waiting import until
from tests.integration.web.api import EMERGENCY, PATIENT, Api, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.node import Worker
from tests.integration.web.world import NOBODY, related, relationships_of
from web.access.family.service import MAJORITY_YEARS, MAX_LINKS
from web.access.live import ACCESS_CHANGED

CHILD = {**PATIENT, "name": "Kiran Rao", "birth_date": "2022-02-28"}


async def linked(api: Api) -> tuple[str, str, str]:
    """Two patients, of whom the first acts for the second; and their link."""
    manager, patient = [(await api.patient())["id"] for _ in range(2)]
    invited = await api.call(
        "POST",
        f"/api/patients/{patient}/family",
        "patient",
        patient,
        body={"manager": manager},
        expect=201,
    )
    link = invited.json()["id"]
    await api.call("POST", f"/api/family/{link}/acceptance", "patient", manager, expect=200)
    return manager, patient, link


async def test_an_invitation_lets_nobody_in_until_it_is_accepted(api: Api) -> None:
    manager, patient = [(await api.patient())["id"] for _ in range(2)]
    record = f"/api/patients/{patient}"
    body = {"manager": manager}
    invited = await api.call("POST", f"{record}/family", "patient", patient, body=body, expect=201)
    link = invited.json()
    assert (link["status"], link["begins_at"]) == ("invited", None)
    problem(await api.call("GET", record, "patient", manager), 404, "not-found")
    seen = (await api.call("GET", "/api/family", "patient", manager, expect=200)).json()
    assert [one["id"] for one in seen["items"]] == [link["id"]]

    # Neither the inviter nor a stranger accepts for the invited.
    path = f"/api/family/{link['id']}/acceptance"
    for stranger in (patient, str(uuid4())):
        problem(await api.call("POST", path, "patient", stranger), 404, "not-found")
    accepted = (await api.call("POST", path, "patient", manager, expect=200)).json()
    assert (accepted["status"], accepted["ends_at"]) == ("active", None)
    assert (await api.call("POST", path, "patient", manager, expect=200)).json() == accepted

    # Asked again, the two have the one link they have.
    again = await api.call("POST", f"{record}/family", "patient", patient, body=body, expect=201)
    assert again.json() == accepted


async def test_a_manager_acts_for_the_patient_and_opens_the_door_to_nobody(api: Api) -> None:
    manager, patient, _ = await linked(api)
    record = f"/api/patients/{patient}"
    for path in (record, f"{record}/history", f"{record}/family"):
        await api.call("GET", path, "patient", manager, expect=200)
    await api.call("PUT", record, "patient", manager, body=PATIENT, expect=200)
    raised = await api.call(
        "POST", f"{record}/emergency", "patient", manager, body=EMERGENCY, expect=201
    )
    emergency = f"/api/emergencies/{raised.json()['id']}"
    await api.call("GET", emergency, "patient", manager, expect=200)
    body = {"reason": "it was the neighbour's"}
    cancelled = await api.call(
        "POST", f"{emergency}/cancel", "patient", manager, body=body, expect=200
    )
    assert cancelled.json()["status"] == "cancelled"
    history = await api.call("GET", f"{record}/history", "patient", manager, expect=200)
    assert [one["id"] for one in history.json()["items"]] == [raised.json()["id"]]
    refused = await api.call(
        "POST", f"{record}/family", "patient", manager, body={"manager": NOBODY}
    )
    problem(refused, 404, "not-found")
    problem(await api.call("DELETE", record, "patient", manager), 403, "forbidden")


async def test_either_side_ends_it_and_then_it_opens_nothing(api: Api) -> None:
    for by_the_patient in (True, False):
        manager, patient, link = await linked(api)
        mine = f"/api/patients/{patient}"
        await api.call("GET", mine, "patient", manager, expect=200)
        ender = patient if by_the_patient else manager
        for _ in range(2):
            await api.call("DELETE", f"/api/family/{link}", "patient", ender, expect=204)
        problem(await api.call("GET", mine, "patient", manager), 404, "not-found")
        over = f"/api/family/{link}/acceptance"
        problem(await api.call("POST", over, "patient", manager), 409, "invitation-over")
        for path, who in (("/api/family", manager), (f"{mine}/family", patient)):
            assert (await api.call("GET", path, "patient", who, expect=200)).json() == {"items": []}


async def test_two_invitations_at_once_are_one_link(api: Api) -> None:
    patient = (await api.patient())["id"]
    body = {"manager": str(uuid4())}
    path = f"/api/patients/{patient}/family"
    both = await asyncio.gather(
        *(api.call("POST", path, "patient", patient, body=body, expect=201) for _ in range(4))
    )
    assert len({one.json()["id"] for one in both}) == 1


async def test_one_manager_does_not_end_anothers_link(api: Api, stack: Stack) -> None:
    _, patient, link = await linked(api)
    rival = str(uuid4())
    await related(stack, "family", "patient", rival, patient)
    problem(await api.call("DELETE", f"/api/family/{link}", "patient", rival), 404, "not-found")


async def test_an_invitation_lapses(api: Api, stack: Stack) -> None:
    patient, manager = (await api.patient())["id"], str(uuid4())
    link = await related(stack, "family", "patient", manager, patient, since_s=None, for_s=-1.0)
    path = f"/api/family/{link}/acceptance"
    problem(await api.call("POST", path, "patient", manager), 409, "invitation-over")


async def test_nobody_is_invited_to_act_for_themselves_nor_too_many(api: Api, stack: Stack) -> None:
    patient = (await api.patient())["id"]
    path = f"/api/patients/{patient}/family"
    refused = await api.call("POST", path, "patient", patient, body={"manager": patient})
    problem(refused, 422, "invalid-body")
    for _ in range(MAX_LINKS):
        await related(stack, "family", "patient", str(uuid4()), patient)
    refused = await api.call("POST", path, "patient", patient, body={"manager": NOBODY})
    problem(refused, 409, "too-many-links")


async def test_whoever_makes_a_childs_record_is_its_guardian_until_majority(api: Api) -> None:
    parent, other = str(uuid4()), (await api.patient())["id"]
    key = uuid4().hex
    made = await api.call(
        "POST", "/api/family/children", "patient", parent, body=CHILD, key=key, expect=201
    )
    child, link = made.json()["patient"]["id"], made.json()["link"]
    assert made.headers["location"] == f"/api/patients/{child}"
    assert (link["kind"], link["manager"], link["status"]) == ("guardian", parent, "active")
    of_age = datetime(2022 + MAJORITY_YEARS, 2, 28, tzinfo=UTC)
    assert datetime.fromisoformat(link["ends_at"]) == of_age
    await api.call("GET", f"/api/patients/{child}", "patient", parent, expect=200)
    invited = await api.call(
        "POST",
        f"/api/patients/{child}/family",
        "patient",
        parent,
        body={"manager": other},
        expect=201,
    )
    assert invited.json()["status"] == "invited"

    # A repeat is the same child; once the link was ended it does not bring it back.
    repeat = await api.call(
        "POST", "/api/family/children", "patient", parent, body=CHILD, key=key, expect=201
    )
    assert repeat.json()["patient"]["id"] == child and repeat.json()["link"] == link
    await api.call("DELETE", f"/api/family/{link['id']}", "admin", expect=204)
    repeat = await api.call(
        "POST", "/api/family/children", "patient", parent, body=CHILD, key=key, expect=201
    )
    assert repeat.json()["link"]["status"] == "ended"
    problem(await api.call("GET", f"/api/patients/{child}", "patient", parent), 404, "not-found")


async def test_a_childs_record_is_for_a_child(api: Api) -> None:
    for born in (None, "1980-02-29"):
        body = {**CHILD, "birth_date": born}
        refused = await api.call("POST", "/api/family/children", "patient", body=body)
        assert problem(refused, 422, "invalid-body")["errors"][0]["pointer"] == "/birth_date"


async def test_the_request_that_ends_a_link_ends_what_is_open(api: Api, stack: Stack) -> None:
    manager, patient, link = await linked(api)
    worker = Worker(stack.node)
    async with worker.serving(), worker.device(Sender("patient", manager)) as device:
        lost = await device.subscribe(f"patient:{patient}")
        kept = await device.subscribe(f"patient:{manager}")
        await api.call("DELETE", f"/api/family/{link}", "patient", patient, expect=204)
        await until(lambda: lost.unsubscribed)
        assert lost.subscribing[-1][0] == ACCESS_CHANGED.code
        await until(lambda: kept.data)
        assert [(one["event"], one["id"]) for one in kept.data] == [("family_ended", link)]
    ended = await relationships_of(stack).get(link)
    assert ended is not None and ended.ends_at is not None
