"""What is pushed to a crew and a doctor names the patient, once for each connection."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.domain.kernel import Sender
from actors.domain.values import Location
from actors.domain.views.doctor import InboxUpdate, RequestView
from actors.domain.views.paramedic import DeviceUpdate, TaskView
from realtime.ports import Identity
from web.access.caller import Caller
from web.access.decision import Decision
from web.channels.pushed import Pushed


def identity(client: str) -> Identity:
    return Identity("paramedic:u7", info=Caller(Sender("paramedic", "u7"), "192.0.2.7", client))


def device_update(task: str | None) -> bytes:
    view = None
    if task is not None:
        view = TaskView(
            id=task, emergency=f"e-{task}", step="pending", priority=1, location=Location(0.0, 0.0),
            address=None, symptoms=("chest pain",), needs=(), raised_at="", offered_at="",
            expires_at="", accepted_at=None, eta_s=1.0,
        )  # fmt: skip
    update: Any = DeviceUpdate(
        event="TaskOffered", at="", status="available", task=view, reason=None, tasks=()
    )
    return msgspec.json.encode(update)


def test_each_task_has_a_line_for_each_connection_it_is_pushed_to() -> None:
    told: list[Decision] = []
    pushed = Pushed(told.append)
    for client, task in (("a", "t1"), ("a", "t1"), ("a", "t2"), ("b", "t1"), ("a", None)):
        pushed(identity(client), "device:u7", device_update(task))
    assert [(one.identity.info.client, one.id, one.emergencies) for one in told] == [
        ("a", "t1", ("e-t1",)),
        ("a", "t2", ("e-t2",)),
        ("b", "t1", ("e-t1",)),
    ]
    assert {(one.action, one.kind, one.outcome) for one in told} == {
        ("task.push", "task", "allowed")
    }


def test_a_request_names_whoever_waits() -> None:
    told: list[Decision] = []
    request = RequestView(id="r1", patient_id="p1", priority=3, reason="a cough", requested_at="")
    update = InboxUpdate(
        event="ConsultationRequested", at="", status="available", request=request, waiting=1
    )
    Pushed(told.append)(identity("a"), "inbox:d1", msgspec.json.encode(update))
    (one,) = told
    assert (one.action, one.id, one.patients) == ("consultation_request.push", "r1", ("p1",))
    assert "cough" not in str(one)


def test_what_is_not_understood_cuts_nobody_off() -> None:
    told: list[Decision] = []
    Pushed(told.append)(identity("a"), "device:u7", b"[]")
    assert told == []
