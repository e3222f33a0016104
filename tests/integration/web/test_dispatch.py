"""The dispatch desk over the API: looking, and ordering otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.integration.web.api import HERE, Api, problem
from tests.integration.web.test_emergencies import act, crew_with_offer, status_of, tasks_of
from tests.waiting import until

NOBODY = "019a0000-0000-7000-8000-000000000000"


async def unit_at(api: Api, region: str, km: float) -> str:
    """A unit on duty, so far north."""
    unit: str = (await api.paramedic(region=region))["id"]
    position = {"lat": HERE["lat"] + km / 111.2, "lon": HERE["lon"]}
    body = {"action": "on_duty", "position": position}
    await api.call("POST", f"/api/paramedics/{unit}/duty", "paramedic", unit, body=body, expect=200)
    return unit


async def emergency_in(api: Api, region: str) -> str:
    patient = (await api.patient(region=region))["id"]
    made: str = (await api.emergency(patient))["id"]
    return made


async def case_of(api: Api, region: str, emergency: str, slot: int = 1) -> dict[str, Any] | None:
    seen = (await api.call("GET", f"/api/dispatch/{region}", expect=200)).json()
    found = [c for c in seen["cases"] if (c["emergency"], c["slot"]) == (emergency, slot)]
    return found[0] if found else None


async def until_phase(api: Api, region: str, emergency: str, phase: str, slot: int = 1) -> None:
    async def there() -> bool:
        case = await case_of(api, region, emergency, slot)
        return case is not None and case["phase"] == phase

    await until(there)


async def order(api: Api, emergency: str, what: str, key: str | None = None, **body: Any) -> Any:
    path = f"/api/emergencies/{emergency}/{what}"
    return await api.call("POST", path, body={"reason": "the desk says so", **body}, key=key)


async def test_the_desk_sends_another_unit_than_the_policy(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    near, far = await unit_at(api, region, 1), await unit_at(api, region, 9)
    emergency = await emergency_in(api, region)
    await until_phase(api, region, emergency, "offered")
    body = {"emergency": emergency, "unit": far, "reason": "they speak her language"}
    path = f"/api/dispatch/{region}/assignments"
    first = await api.call("POST", path, body=body, key="assign-1", expect=200)
    assert first.json()["wanted_unit"] == far
    again = await api.call("POST", path, body=body, key="assign-1", expect=200)
    assert again.json() == first.json()

    async def asked() -> bool:
        return bool(await tasks_of(api, far))

    await until(asked)
    assert not await tasks_of(api, near)
    (task,) = await tasks_of(api, far)
    await act(api, far, task["id"], action="accept")

    async def assigned() -> bool:
        return await status_of(api, emergency) == "assigned"

    await until(assigned)
    why = (await api.call("GET", f"/api/emergencies/{emergency}/why", expect=200)).json()
    (choice,) = why["choices"]
    assert (choice["unit"], choice["by"]) == (far, "the-ops")
    assert choice["reason"] == "they speak her language"
    found = problem(await api.call("POST", path, body={**body, "unit": near}), 409, "has-crew")
    assert "OrderUnits" in found["allowed"]
    for wrong, status, slug in (
        ({**body, "emergency": NOBODY}, 404, "not-found"),
        (
            {**body, "emergency": await emergency_in(api, region), "unit": NOBODY},
            404,
            "unknown-unit",
        ),
    ):
        problem(await api.call("POST", path, body=wrong), status, slug)
    problem(await api.call("POST", path, "paramedic", far, body=body), 403, "forbidden")


async def test_who_waits_is_listed_with_who_could_go_and_why(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, busy_with = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    emergency = await emergency_in(api, region)
    await until_phase(api, region, emergency, "waiting")
    found = (await api.call("GET", f"/api/dispatch/{region}/suggestions", expect=200)).json()
    (said,) = found["suggestions"]
    assert (said["emergency"], said["decision"]) == (emergency, "wait")
    (candidate,) = said["candidates"]
    assert candidate["unit"] == unit and candidate["free_in_s"] > 0
    assert candidate["verdict"] == "busy_as_urgent" and candidate["why"]
    pairs = (await api.call("GET", f"/api/dispatch/{region}/duplicates", expect=200)).json()
    (pair,) = pairs["pairs"]
    assert (pair["emergency"], pair["duplicate"]) == (busy_with["id"], emergency)
    assert pair["apart_m"] == 0
    apart = f"/api/dispatch/{region}/duplicates?minutes=0"
    assert (await api.call("GET", apart, expect=200)).json()["pairs"] == []


async def test_a_hospital_says_where_a_unit_that_is_out_will_be_free(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, _ = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    await until_phase(api, region, await emergency_in(api, region), "waiting")

    async def way_s() -> float:
        """From where the unit will be free to the emergency that waits, which is at the scene."""
        path = f"/api/dispatch/{region}/suggestions"
        found = (await api.call("GET", path, expect=200)).json()
        (said,) = found["suggestions"]
        (candidate,) = said["candidates"]
        return float(candidate["eta_s"])

    async def until_way(wanted_s: float) -> None:
        async def there() -> bool:
            return abs(await way_s() - wanted_s) < 1.0

        await until(there)

    assert await way_s() == 0.0
    # Both take hearts; one is 6 km off, the other 12: at 12 m/s by roads 1.4 times as long.
    near, far = [
        await api.hospital(
            region=region, location={"lat": HERE["lat"] + km / 111.195, "lon": HERE["lon"]}
        )
        for km in (6, 12)
    ]
    await until_way(700.0)
    closed = {"intake": "closed"}
    await api.call("PUT", f"/api/hospitals/{near['id']}/load", body=closed, expect=200)
    await until_way(1400.0)
    await api.call("DELETE", f"/api/hospitals/{far['id']}", expect=204)
    await until_way(700.0)  # closed, but all there is
    await api.call("DELETE", f"/api/hospitals/{near['id']}", expect=204)
    await until_way(0.0)


async def test_what_is_held_waits_until_it_is_released(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    emergency = await emergency_in(api, region)
    until_ = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    held = await order(api, emergency, "hold", until=until_)
    assert held.status_code == 200 and held.json()["held"] is True
    unit = await unit_at(api, region, 1)
    other = await emergency_in(api, region)
    await until_phase(api, region, other, "offered")
    case = await case_of(api, region, emergency)
    assert case is not None and (case["phase"], case["held"]) == ("waiting", True)
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="decline", reason="no")
    problem(await order(api, emergency, "hold", until="2001-01-01T00:00:00Z"), 409, "hold-over")
    forever = await order(api, emergency, "hold", until="2999-01-01T00:00:00Z")
    problem(forever, 409, "hold-too-long")
    found = problem(await order(api, emergency, "release", ends="staging"), 409, "not-staged")
    assert found["allowed"] == ["hold"]
    detail = (await api.call("GET", f"/api/emergencies/{emergency}", expect=200)).json()
    assert detail["hold"]["subject"] == "the-ops"
    assert (await order(api, emergency, "release", ends="hold")).json()["held"] is False
    await until_phase(api, region, emergency, "offered")


async def test_a_staged_crew_waits_for_the_go_ahead(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, made = await crew_with_offer(api, region)
    emergency = made["id"]
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    assert (await order(api, emergency, "stage", location=HERE)).json()["staged"] is True

    async def staged(wanted: bool) -> bool:
        (task,) = await tasks_of(api, unit)
        return bool(task["staged"]) is wanted

    await until(lambda: staged(True))
    await act(api, unit, task["id"], action="progress", step="en_route")
    path = f"/api/paramedics/{unit}/tasks/{task['id']}"
    in_ = {"action": "progress", "step": "on_scene"}
    problem(await api.call("POST", path, "paramedic", unit, body=in_), 409, "staged")
    await order(api, emergency, "release", ends="staging")
    await until(lambda: staged(False))
    await act(api, unit, task["id"], action="progress", step="on_scene")


async def test_further_units_are_sent_stood_down_and_all_must_be_done(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, made = await crew_with_offer(api, region)
    emergency = made["id"]
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    second = await unit_at(api, region, 2)
    ordered = (await order(api, emergency, "units", count=2, units=[second])).json()
    assert [f["slot"] for f in ordered["further"]] == [2, 3]
    down = await order(api, emergency, "units/3/stand-down")
    assert [f["slot"] for f in down.json()["further"]] == [2]
    problem(await order(api, emergency, "units/3/stand-down"), 404, "unknown-slot")
    problem(await order(api, emergency, "units", units=[second, second]), 409, "unit-named-twice")
    await until_phase(api, region, emergency, "offered", 2)
    (also,) = await tasks_of(api, second)
    assert also["slot"] == 2
    await act(api, second, also["id"], action="accept")
    await until_phase(api, region, emergency, "engaged", 2)

    async def on_it() -> bool:
        seen = (await api.call("GET", f"/api/emergencies/{emergency}", expect=200)).json()
        return set(seen["crew"]) == {unit, second}

    await until(on_it)
    # Both crews may see it, and one that is done does not close it for the other.
    await api.call("GET", f"/api/emergencies/{emergency}", "paramedic", second, expect=200)
    for step in ("en_route", "on_scene", "completed"):
        await act(api, unit, task["id"], action="progress", step=step)
    await until_phase(api, region, emergency, "done")
    assert await status_of(api, emergency) == "on_scene"
    for step in ("en_route", "on_scene", "completed"):
        await act(api, second, also["id"], action="progress", step=step)

    async def closed() -> bool:
        return await status_of(api, emergency) == "closed"

    await until(closed)


async def test_a_merged_call_follows_the_other_and_comes_back_if_that_is_cancelled(
    api: Api,
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    caller = (await api.patient(region=region))["id"]
    first = await emergency_in(api, region)
    duplicate = (await api.emergency(caller))["id"]
    problem(await order(api, duplicate, "merge", into=duplicate), 409, "same-emergency")
    problem(await order(api, duplicate, "merge", into=NOBODY), 404, "not-found")
    merged = (await order(api, duplicate, "merge", into=first)).json()
    assert (merged["status"], merged["merged_into"]) == ("merged", first)

    async def linked() -> bool:
        seen = (await api.call("GET", f"/api/emergencies/{first}", expect=200)).json()
        return bool(seen["duplicates"] == [duplicate])

    await until(linked)
    problem(await order(api, first, "merge", into=duplicate), 409, "not-open")
    unit = await unit_at(api, region, 1)
    await until_phase(api, region, first, "offered")
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")

    async def followed() -> bool:
        path = f"/api/emergencies/{duplicate}"
        mine = (await api.call("GET", path, "patient", caller, expect=200)).json()
        return bool(mine["following"] and mine["following"]["unit"] == unit)

    await until(followed)
    # It shows how far help is; the other's own record stays the other's.
    problem(await api.call("GET", f"/api/emergencies/{first}", "patient", caller), 404, "not-found")
    await api.call("POST", f"/api/emergencies/{first}/cancel", body={"reason": "x"}, expect=200)
    await until_phase(api, region, duplicate, "offered")
    assert await status_of(api, duplicate) == "raised"


async def test_a_merge_that_is_repeated_is_answered_as_it_was_also_when_the_other_is_over(
    api: Api,
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit, _, other = await crew_with_offer(api, region)
    duplicate = await emergency_in(api, region)
    merged = await order(api, duplicate, "merge", key="merge-1", into=other["id"])
    assert merged.status_code == 200
    (task,) = await tasks_of(api, unit)
    await act(api, unit, task["id"], action="accept")
    for step in ("en_route", "on_scene", "completed"):
        await act(api, unit, task["id"], action="progress", step=step)

    async def closed() -> bool:
        return await status_of(api, other["id"]) == "closed"

    await until(closed)
    again = await order(api, duplicate, "merge", key="merge-1", into=other["id"])
    assert (again.status_code, again.json()) == (200, merged.json())
    third = await emergency_in(api, region)
    problem(await order(api, third, "merge", into=other["id"]), 409, "not-open")


async def test_a_repeated_merge_is_answered_as_it_was_also_when_it_was_undone(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    first, duplicate = [await emergency_in(api, region) for _ in range(2)]
    merged = await order(api, duplicate, "merge", key="merge-1", into=first)
    await api.call("POST", f"/api/emergencies/{first}/cancel", body={"reason": "x"}, expect=200)

    async def raised() -> bool:
        return await status_of(api, duplicate) == "raised"

    await until(raised)
    again = await order(api, duplicate, "merge", key="merge-1", into=first)
    assert (again.status_code, again.json()) == (200, merged.json())
    assert await status_of(api, duplicate) == "raised"


async def test_each_order_of_the_desk_is_in_the_trail_and_says_who(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    other, emergency = [await emergency_in(api, region) for _ in range(2)]
    unit = await unit_at(api, region, 1)
    shown = await api.call("GET", f"/api/emergencies/{emergency}", expect=200)
    patient = shown.json()["patient_id"]
    orders: tuple[tuple[str, dict[str, Any]], ...] = (
        ("hold", {}),
        ("release", {"ends": "hold"}),
        ("stage", {"location": HERE}),
        ("units", {}),
        ("units/2/stand-down", {}),
        ("priority", {"priority": 1}),
    )
    for what, more in orders:
        assert (await order(api, emergency, what, **more)).status_code == 200, what
    await until_phase(api, region, other, "offered")
    body = {"emergency": emergency, "unit": unit, "reason": "no", "divert": True}
    await api.call("POST", f"/api/dispatch/{region}/assignments", body=body, expect=200)
    assert (await order(api, emergency, "merge", into=other)).status_code == 200

    async def steps(kind: str, id_: str) -> dict[str, tuple[str, str]]:
        path = f"/api/audit?limit=100&kind={kind}&id={id_}&subject=the-ops"
        page = (await api.call("GET", path, "auditor", expect=200)).json()
        lines = [line for line in page["items"] if line["source"] == "command"]
        return {line["action"]: (line["role"], line["outcome"]) for line in lines}

    ordered = {
        *("HoldEmergency", "ReleaseEmergency", "StageEmergency", "OrderUnits"),
        *("StandDownUnit", "OverridePriority", "MergeEmergency", "RaiseEmergency"),
    }
    assert await steps("emergency", emergency) == dict.fromkeys(ordered, ("ops", "allowed"))
    assert await steps("dispatcher", region) == {"OverrideAssignment": ("ops", "allowed")}

    # And why: with the line of the request, which leads to the step that came of it.
    async def reasons(of: str) -> dict[str, str]:
        path = f"/api/audit?limit=100&patient_id={of}&subject=the-ops&outcome=allowed"
        page = (await api.call("GET", path, "auditor", expect=200)).json()
        lines = [line for line in page["items"] if line["note"] is not None]
        commands = {line["request_id"] for line in page["items"] if line["source"] == "command"}
        for line in lines:  # the dispatcher's own steps are of no patient
            assert line["details"]["command"] in commands or line["action"] == "dispatcher.assign"
        return {line["action"]: line["note"] for line in lines}

    why = "the desk says so"
    wanted = dict.fromkeys(
        f"emergency.{one}"
        for one in ("hold", "release", "stage", "order_units", "override_priority", "merge")
    )
    expected = {**dict.fromkeys(wanted, why), "dispatcher.assign": "no"}

    async def said() -> bool:
        return await reasons(patient) == expected

    await until(said)
