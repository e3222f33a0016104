"""Hospitals: their load, which one is suggested, and the patient on the way there."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from msgspec.json import decode, encode

from actors.domain.hospital.commands import ViewHospital
from actors.domain.kernel import EntityRef, Sender
from realtime.errors import RpcError
from realtime.ports import Identity
from tests.integration.web.api import HERE, HOSPITAL, Api, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.test_emergencies import act, crew_with_offer, tasks_of
from tests.waiting import until
from web.access.caller import Caller
from web.channels.rpc import DeviceRpc
from web.entities import READER

NOBODY = "019a0000-0000-7000-8000-000000000000"
FARTHER = {"lat": HERE["lat"] + 0.05, "lon": HERE["lon"]}


async def test_a_hospital_is_registered_replaced_loaded_and_retired(stack: Stack, api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    body = {**HOSPITAL, "region": region, "capabilities": ["stroke", "cath_lab"]}
    made = await api.call("POST", "/api/hospitals", body=body, key="h-once", expect=201)
    again = await api.call("POST", "/api/hospitals", body=body, key="h-once", expect=201)
    hospital, path = made.json(), made.headers["location"]
    assert again.json() == hospital
    assert hospital["status"] == "open" and hospital["capabilities"] == ["cath_lab", "stroke"]

    load = {"intake": "divert", "free_beds": 2, "queue": 4, "handover_s": 600.0}
    said = (await api.call("PUT", f"{path}/load", body=load, expect=200)).json()
    assert said["status"] == "divert" and said["load"]["expected_wait_s"] == 1200.0
    replaced = (await api.call("PUT", path, body={**body, "name": "Mercy"}, expect=200)).json()
    assert (replaced["name"], replaced["status"]) == ("Mercy", "divert")
    # The record and its entity agree however PUTs are repeated, and whatever the clocks say.
    for name, key in (("A", "a"), ("B", "b"), ("A", "a"), ("Mercy", "m")):
        before = replaced
        change = {**body, "name": name}
        replaced = (await api.call("PUT", path, body=change, key=key, expect=200)).json()
        assert replaced["updated_at"] > before["updated_at"]
        shown = await stack.services.router.read(
            EntityRef("hospital", hospital["id"]), ViewHospital(), by=READER
        )
        assert decode(shown)["name"] == name
    for role in ("paramedic", "doctor"):
        page = (await api.call("GET", f"/api/hospitals?region={region}", role, expect=200)).json()
        assert [item["name"] for item in page["items"]] == ["Mercy"]
    problem(await api.call("PUT", f"{path}/load", "doctor", body=load), 403, "forbidden")
    problem(await api.call("GET", path, "patient"), 403, "forbidden")

    await api.call("DELETE", path, expect=204)
    await api.call("DELETE", path, expect=204)
    problem(await api.call("GET", path), 410, "gone")
    problem(await api.call("PUT", f"{path}/load", body=load), 410, "gone")
    problem(await api.call("GET", f"/api/hospitals/{NOBODY}"), 404, "not-found")


async def test_the_crew_is_told_where_to_drive_and_everybody_hears_where_it_drives(
    api: Api,
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    near = await api.hospital(region=region, name="Near", capabilities=[])
    heart = await api.hospital(region=region, name="Heart", location=FARTHER)
    unit, patient, emergency = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    where = f"/api/paramedics/{unit}/tasks/{task['id']}/hospitals"
    found = (await api.call("GET", where, "paramedic", unit, expect=200)).json()
    assert found["needs"] == ["cath_lab"]  # for chest pain
    assert [one["hospital"] for one in found["hospitals"]] == [heart["id"], near["id"]]
    assert [one["suitable"] for one in found["hospitals"]] == [True, False]
    burns = await api.call("GET", f"{where}?needs=burns", "paramedic", unit, expect=200)
    assert burns.json()["needs"] == ["burns", "cath_lab"]
    problem(await api.call("GET", where, "paramedic", "another"), 404, "not-found")

    await act(api, unit, task["id"], action="accept")
    for step in ("en_route", "on_scene"):
        await act(api, unit, task["id"], action="progress", step=step)
    refused = await api.call(
        "POST",
        f"/api/paramedics/{unit}/tasks/{task['id']}",
        "paramedic",
        unit,
        body={"action": "progress", "step": "transporting", "hospital": NOBODY},
    )
    assert problem(refused, 422, "invalid-body")["errors"][0]["pointer"] == "/hospital"
    chosen = {"action": "progress", "step": "transporting", "hospital": heart["id"]}
    view = await act(api, unit, task["id"], **chosen)
    assert view["tasks"][0]["hospital"]["name"] == "Heart"

    async def told(counts: dict[str, int], hospital: str = heart["id"]) -> bool:
        shown = (await api.call("GET", f"/api/hospitals/{hospital}", expect=200)).json()
        return {name: shown["load"][name] for name in counts} == counts

    await until(lambda: told({"under_way": 1, "at_handover": 0}))
    seen = await api.call(
        "GET", f"/api/emergencies/{emergency['id']}", "patient", patient, expect=200
    )
    assert seen.json()["hospital"] == {
        "hospital": heart["id"],
        "name": "Heart",
        "location": FARTHER,
    }
    await act(api, unit, task["id"], action="progress", step="at_hospital")
    await until(lambda: told({"under_way": 0, "at_handover": 1}))
    await act(api, unit, task["id"], action="progress", step="completed")
    await until(lambda: told({"under_way": 0, "at_handover": 0}))
    idle: dict[str, Any] = {"under_way": 0, "at_handover": 0}
    assert await told(idle, near["id"])


async def test_a_device_says_on_its_socket_where_it_drives(stack: Stack, api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    hospital = await api.hospital(region=region, name="Mercy")
    unit, _, _ = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    rpc = DeviceRpc(stack.services.router, stack.services.clock)
    identity = Identity(unit, info=Caller(Sender("paramedic", unit)))

    async def call(method: str, **arguments: Any) -> Any:
        return decode(await rpc.rpc(identity, method, encode({"task": task["id"], **arguments})))

    await call("task.accept")
    for step in ("en_route", "on_scene"):
        await call("task.progress", step=step)
    with pytest.raises(RpcError, match="no such hospital"):
        await call("task.progress", step="transporting", hospital=NOBODY)
    going = {"step": "transporting", "hospital": hospital["id"], "id": "going"}
    view = await call("task.progress", **going)
    assert view["tasks"][0]["hospital"]["name"] == "Mercy"
    # A repeat is answered as the first was, though the hospital has another name by now.
    renamed = {**HOSPITAL, "region": region, "name": "Mercy West"}
    where = f"/api/hospitals/{hospital['id']}"
    await api.call("PUT", where, body=renamed, expect=200)
    assert await call("task.progress", **going) == view
    await api.call("PUT", where, body={**renamed, "name": "Mercy"}, expect=200)
    second = await api.hospital(region=region, name="Grace")
    view = await call("task.redirect", hospital=second["id"], reason="on divert")
    assert view["tasks"][0]["hospital"]["name"] == "Grace"
    back = {"action": "redirect", "hospital": hospital["id"], "reason": "open again"}
    view = await act(api, unit, task["id"], **back)
    assert view["tasks"][0]["hospital"]["name"] == "Mercy"
    path = f"/api/paramedics/{unit}/tasks/{task['id']}"
    onward = {"action": "redirect", "hospital": second["id"], "reason": "on divert"}
    first = await api.call("POST", path, "paramedic", unit, body=onward, key="go", expect=200)
    await api.call("DELETE", f"/api/hospitals/{second['id']}", expect=204)
    repeat = await api.call("POST", path, "paramedic", unit, body=onward, key="go", expect=200)
    assert repeat.json() == first.json()
    await act(api, unit, task["id"], **back)
    # One that is no more is none; one that takes nobody in is the crew's to judge.
    with pytest.raises(RpcError, match="no such hospital"):
        await call("task.redirect", hospital=second["id"], reason="nearer")
    again = {**back, "hospital": second["id"]}
    problem(await api.call("POST", path, "paramedic", unit, body=again), 422, "invalid-body")
