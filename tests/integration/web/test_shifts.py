"""Stations and the shift plan, over the API and on real tables."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from msgspec.json import encode

from actors.domain.kernel import Sender
from realtime.errors import RpcError
from realtime.ports import Identity
from tests.integration.web.api import HERE, STATION, Api, problem
from tests.integration.web.conftest import Stack
from tests.waiting import until
from web.access.caller import Caller
from web.channels.rpc import DeviceRpc

NOBODY = "019a0000-0000-7000-8000-000000000000"
HOUR_S = 3600.0


def moment(in_s: float) -> str:
    """So many seconds from now."""
    return datetime.fromtimestamp(round(time.time() + in_s), UTC).isoformat()


def shift(unit: str, station: str, from_h: float, to_h: float) -> dict[str, Any]:
    starts_at, ends_at = moment(from_h * HOUR_S), moment(to_h * HOUR_S)
    return {"unit": unit, "station": station, "starts_at": starts_at, "ends_at": ends_at}


async def test_a_station_is_created_replaced_and_deleted_and_its_dispatcher_knows(
    api: Api,
) -> None:
    region, other = f"r-{uuid4().hex[:8]}", f"r-{uuid4().hex[:8]}"

    async def known(where: str, *names: str) -> bool:
        shown = (await api.call("GET", f"/api/dispatch/{where}", expect=200)).json()
        return [station["name"] for station in shown["stations"]] == list(names)

    body = {**STATION, "region": region}
    made = await asyncio.gather(
        *(api.call("POST", "/api/stations", body={**body, "name": name}) for name in "AB")
    )
    first, second = sorted((response.json() for response in made), key=lambda one: one["id"])
    await until(lambda: known(region, first["name"], second["name"]))
    path = f"/api/stations/{second['id']}"
    moved = {**body, "name": "C", "region": other}
    replaced = (await api.call("PUT", path, body=moved, expect=200)).json()
    assert (replaced["name"], replaced["region"]) == ("C", other)
    assert replaced["created_at"] == second["created_at"]
    await until(lambda: known(region, first["name"]))
    await until(lambda: known(other, "C"))
    listed = (await api.call("GET", f"/api/stations?region={other}", "paramedic")).json()
    assert [item["id"] for item in listed["items"]] == [second["id"]]
    # A PUT that is repeated late counts once more, here and with the dispatcher.
    for name, key in (("D", "d"), ("E", "e"), ("D", "d")):
        await api.call("PUT", path, body={**moved, "name": name}, key=key, expect=200)
        await until(partial(known, other, name))
    await api.call("DELETE", path, expect=204)
    await api.call("DELETE", path, expect=204)
    await until(lambda: known(other))
    problem(await api.call("GET", path), 410, "gone")
    problem(await api.call("PUT", path, body=moved), 410, "gone")
    problem(await api.call("DELETE", f"/api/stations/{NOBODY}"), 404, "not-found")


async def test_a_unit_has_one_shift_at_a_time_however_many_plan_at_once(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit = (await api.paramedic(region=region))["id"]
    station = (await api.station(region=region))["id"]
    body = shift(unit, station, 24, 32)
    answers = await asyncio.gather(
        *(api.call("POST", "/api/shifts", body=body, key=uuid4().hex) for _ in range(5))
    )
    made = [one for one in answers if one.status_code == 201]
    assert len(made) == 1
    for one in answers:
        if one not in made:
            problem(one, 409, "shifts-overlap")
    path = made[0].headers["location"]
    # One ends as the next begins; another unit's do not matter; a cancelled one is no shift.
    after = await api.call("POST", "/api/shifts", body={**body, **times(32, 40)}, expect=201)
    later = f"/api/shifts/{after.json()['id']}"
    change = {"station": station, **times(31, 40)}
    problem(await api.call("PUT", later, body=change), 409, "shifts-overlap")
    other = (await api.paramedic(region=region))["id"]
    await api.call("POST", "/api/shifts", body={**body, "unit": other}, expect=201)
    await api.call("DELETE", path, expect=204)
    await api.call("DELETE", path, expect=204)
    moved = (await api.call("PUT", later, body=change, expect=200)).json()
    assert moved["revision"] == 2
    assert (await api.call("GET", path, expect=200)).json()["cancelled_at"] is not None
    problem(await api.call("PUT", path, body=change), 410, "gone")

    query = f"/api/shifts?region={region}"
    shown = (await api.call("GET", query, expect=200)).json()["items"]
    assert {one["unit"] for one in shown} == {unit, other} and len(shown) == 2
    early = (await api.call("GET", f"{query}&to_time={stamp(30)}", expect=200)).json()["items"]
    assert [one["unit"] for one in early] == [other]
    of_unit = f"/api/shifts?unit={unit}&cancelled=true"
    assert len((await api.call("GET", of_unit, expect=200)).json()["items"]) == 2


async def test_a_plan_that_makes_no_sense_is_refused_with_what_is_wrong(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit = (await api.paramedic(region=region))["id"]
    stranger = (await api.paramedic())["id"]
    station = (await api.station(region=region))["id"]
    for body, pointer in (
        (shift(NOBODY, station, 1, 2), "/unit"),
        (shift(stranger, station, 1, 2), "/unit"),
        (shift(unit, NOBODY, 1, 2), "/station"),
        (shift(unit, station, 2, 1), "/ends_at"),
        (shift(unit, station, 1, 26), "/ends_at"),
    ):
        refused = await api.call("POST", "/api/shifts", body=body)
        assert problem(refused, 422, "invalid-body")["errors"][0]["pointer"] == pointer


async def test_the_roster_shows_who_should_be_there_and_who_is(stack: Stack, api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    here, missing, extra = [(await api.paramedic(region=region))["id"] for _ in range(3)]
    station = (await api.station(region=region))["id"]
    for unit in (here, missing):
        body = shift(unit, station, -0.5, 7.5)
        await api.call("POST", "/api/shifts", body=body, expect=201)

    async def announced() -> bool:
        # The device's own view: going on duty takes the station of the shift.
        path = f"/api/paramedics/{here}/duty"
        on = {"action": "on_duty", "position": HERE}
        view = (await api.call("POST", path, "paramedic", here, body=on, expect=200)).json()
        if view["station"] == station:
            return True
        await api.call("POST", path, "paramedic", here, body={"action": "off_duty"}, expect=200)
        return False

    await until(announced)
    on = {"action": "on_duty", "position": HERE}
    await api.call("POST", f"/api/paramedics/{extra}/duty", body=on, expect=200)

    async def presence() -> dict[str, str]:
        roster = (await api.call("GET", f"/api/roster/{region}", expect=200)).json()
        return {line["unit"]: line["presence"] for line in roster["lines"]}

    async def as_it_is() -> bool:
        return await presence() == {here: "present", missing: "absent", extra: "unplanned"}

    await until(as_it_is)
    note = "oxygen below a third"
    off = {"action": "off_duty", "relief": missing, "note": note}
    # Who takes over is another unit of the region, whichever door the crew says it at.
    path = f"/api/paramedics/{here}/duty"
    rpc = DeviceRpc(stack.services.router, stack.services.clock)
    identity = Identity(here, info=Caller(Sender("paramedic", here)))
    for relief in (NOBODY, here, (await api.paramedic())["id"]):
        refused = await api.call("POST", path, body={**off, "relief": relief})
        (wrong,) = problem(refused, 422, "invalid-body")["errors"]
        assert wrong["pointer"] == "/relief" and region in wrong["detail"]
        with pytest.raises(RpcError, match=f"another unit of the region {region}"):
            await rpc.rpc(identity, "shift.off", encode({"relief": relief, "note": note}))
    first = await api.call("POST", path, body=off, key="relieved", expect=200)
    await api.call("DELETE", f"/api/paramedics/{missing}", expect=204)
    again = await api.call("POST", path, body=off, key="relieved", expect=200)
    assert again.json() == first.json()


def times(from_h: float, to_h: float) -> dict[str, str]:
    return {"starts_at": moment(from_h * HOUR_S), "ends_at": moment(to_h * HOUR_S)}


def stamp(in_h: float) -> str:
    """For an address, where + is a blank."""
    return moment(in_h * HOUR_S).replace("+00:00", "Z")


async def test_a_change_of_plan_that_is_repeated_late_reaches_the_crew(api: Api) -> None:
    region = f"r-{uuid4().hex[:8]}"
    unit = (await api.paramedic(region=region))["id"]
    station = (await api.station(region=region))["id"]
    body = shift(unit, station, 0.1, 6)
    made = await api.call("POST", "/api/shifts", body=body, expect=201)
    seven, eight = (
        {"station": station, "starts_at": body["starts_at"], "ends_at": moment(hours * HOUR_S)}
        for hours in (7, 8)
    )

    async def planned(ends_at: str) -> bool:
        path = f"/api/paramedics/{unit}/duty"
        on = {"action": "on_duty", "position": HERE}
        view = (await api.call("POST", path, "paramedic", unit, body=on, expect=200)).json()
        await api.call("POST", path, "paramedic", unit, body={"action": "off_duty"}, expect=200)
        ends = [datetime.fromisoformat(one["ends_at"]) for one in view["shifts"]]
        return ends == [datetime.fromisoformat(ends_at)]

    for change, key in ((seven, "seven"), (eight, "eight"), (seven, "seven")):
        await api.call("PUT", made.headers["location"], body=change, key=key, expect=200)
        await until(partial(planned, change["ends_at"]))
