"""What a crew says on its socket: answered alike when repeated, and in the trail."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import uuid4

import centrifuge
import pytest

from actors.domain.kernel import Sender
from storage.audit import AuditEntry
from tests.integration.realtime.waiting import until
from tests.integration.web.api import HERE, Api
from tests.integration.web.conftest import Stack
from tests.integration.web.sockets.lines import from_where, lines
from tests.integration.web.sockets.two_workers import Workers
from tests.integration.web.test_emergencies import crew_with_offer, tasks_of
from tests.waiting import until as waited
from web.channels.calls import CALLS


async def test_a_devices_repeat_is_answered_alike_whatever_became_of_the_hospital(
    workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    near, far = [(await api.hospital(region=region))["id"] for _ in range(2)]
    unit, _, _ = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    async with workers.here.device(Sender("paramedic", unit)) as device:
        await device.client.ready()

        async def call(method: str, **arguments: Any) -> Any:
            return (await device.client.rpc(method, {"task": task["id"], **arguments})).data

        await call("task.accept")
        for step in ("en_route", "on_scene"):
            await call("task.progress", step=step)
        going = {"step": "transporting", "hospital": near, "id": "go"}
        turning = {"hospital": far, "reason": "on divert", "id": "turn"}
        first = [await call("task.progress", **going), await call("task.redirect", **turning)]
        for step in ("at_hospital", "completed"):
            await call("task.progress", step=step)
        for hospital in (near, far):
            await api.call("DELETE", f"/api/hospitals/{hospital}", expect=204)
        again = [await call("task.progress", **going), await call("task.redirect", **turning)]
        assert again == first
        for method, arguments in (
            ("task.progress", {**going, "hospital": far}),
            ("task.redirect", {**turning, "reason": "nearer"}),
        ):
            with pytest.raises(centrifuge.ReplyError, match="used for another command"):
                await call(method, **arguments)


async def test_what_a_crew_says_why_on_its_socket_is_in_the_trail_sealed(
    stack: Stack, workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    first = await api.hospital(region=region)
    unit, patient, _ = await crew_with_offer(api, region)
    async with workers.here.device(Sender("paramedic", unit)) as device:
        await device.client.ready()
        (task,) = await tasks_of(api, unit)

        async def call(method: str, **arguments: Any) -> None:
            await device.client.rpc(method, {"task": task["id"], **arguments})

        with pytest.raises(centrifuge.ReplyError):
            await call("task.hand_back", reason="not mine yet")
        await call("task.accept")
        for step in ("en_route", "on_scene", "transporting"):
            await call("task.progress", step=step)
        await call("task.redirect", hospital=first["id"], reason="he has a stroke", id="turn")
        await call("task.redirect", hospital=first["id"], reason="he has a stroke", id="turn")
        await call("task.hand_back", reason="the engine died", id="back")
        await call("task.hand_back", reason="the engine died", id="back")

    def said() -> list[AuditEntry]:
        return [one for one in workers.audit.entries if one.note is not None]

    await until(lambda: len(said()) == 4)
    vault = stack.services.vault
    await vault.prepare([patient])
    assert [
        (line.action, line.outcome, vault.open(patient, line.note, b"audit.note").decode())
        for line in said()
        if line.note is not None
    ] == [
        ("task.hand_back", "failed", "not mine yet"),
        ("task.progress", "allowed", "he has a stroke"),
        ("task.progress", "allowed", "he has a stroke"),
        ("task.hand_back", "allowed", "the engine died"),
    ]
    assert {(line.role, line.subject, line.id, line.patients) for line in said()} == {
        ("paramedic", unit, task["id"], (patient,))
    }


# What a crew is given over its socket, in an order in which each is possible, with whether the
# answer, or the order itself, is about the patient of the task. A new call fails until it is here.
ASKED: Final[list[tuple[str, dict[str, Any], bool]]] = [
    ("shift.on", {"position": {**HERE, "at": 1.0}}, False),
    ("shift.break", {}, False),
    ("shift.resume", {}, False),
    ("tasks", {}, True),
    ("task.accept", {"task": "first"}, True),
    ("task.progress", {"task": "first", "step": "en_route"}, True),
    ("task.progress", {"task": "first", "step": "on_scene"}, True),
    ("task.progress", {"task": "first", "step": "transporting"}, True),
    ("task.redirect", {"task": "first", "hospital": "some", "reason": "nearer"}, True),
    ("task.progress", {"task": "first", "step": "at_hospital"}, True),
    ("task.progress", {"task": "first", "step": "completed"}, True),
    ("task.decline", {"task": "second", "reason": "no fuel"}, True),
    ("task.accept", {"task": "third"}, True),
    ("task.hand_back", {"task": "third", "reason": "a flat tyre"}, True),
    ("shift.off", {}, False),
]

TELEMETRY: Final = {"position"}


def test_of_every_call_it_is_said_whether_it_shows_patients() -> None:
    assert {method for method, _, _ in ASKED} | TELEMETRY == set(CALLS)


async def test_a_crews_calls_and_pushes_name_the_patients_and_lead_to_the_connection_and_the_step(
    stack: Stack, workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    hospital = (await api.hospital(region=region))["id"]
    who = Sender("paramedic", (await api.paramedic(region=region))["id"])
    patients: dict[str, str] = {}
    tasks: dict[str, str] = {"some": hospital}
    steps: list[str] = []

    def called() -> list[AuditEntry]:
        return [one for one in workers.audit.entries if "call" in one.details]

    def told(times: int) -> bool:
        return len(called()) == times

    async def offered() -> bool:
        return bool(await tasks_of(api, who.subject))

    async with workers.here.device(who) as device:
        await device.client.ready()
        channel = f"device:{who.subject}"
        await device.subscribe(channel)
        for turn, (method, arguments, shows) in enumerate(ASKED, start=1):
            name = arguments.get("task", "first" if method == "tasks" else None)
            if name is not None and name not in tasks:
                patients[name] = (await api.patient(region=region))["id"]
                await api.emergency(patients[name])
                await waited(offered)
                tasks[name] = (await tasks_of(api, who.subject))[0]["id"]
                await workers.catch_up(stack.services.journal, f"paramedic:{who.subject}", channel)
            given = {k: tasks.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}
            await device.client.rpc(method, given)
            await until(partial(told, turn))
            line = called()[-1]
            assert (line.details["call"], line.outcome) == (method, "allowed"), line
            assert line.patients == ((patients[name],) if shows and name else ()), line
            from_where(workers.audit, line, who)
            if method != "tasks":
                steps.append(str(line.details["command"]))
    pushes = lines(workers.audit, "task.push")
    assert [line.patients for line in pushes] == [(one,) for one in patients.values()]
    assert [line.id for line in pushes] == [tasks[name] for name in patients]
    for line in pushes:
        from_where(workers.audit, line, who)
    for step in steps:  # each order's line leads to the unit's own row
        path = f"/api/audit?request_id={step}&kind=paramedic"
        found = (await api.call("GET", path, "auditor", expect=200)).json()["items"]
        assert [(one["source"], one["id"]) for one in found] == [("command", who.subject)], step
