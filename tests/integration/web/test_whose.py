"""Every door that shows something of a patient says in the trail whose it was.

The list is of all doors: a new one fails until somebody has said what it shows. Each is gone
through as somebody who may, in an order in which each is possible.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import pytest

from storage.audit import MemoryAuditTrail
from tests.integration.web.api import EMERGENCY, HERE, PATIENT, Api
from tests.integration.web.conftest import Stack, client_of
from tests.integration.web.test_access import BODIES
from tests.integration.web.test_emergencies import tasks_of
from tests.integration.web.world import WHY, World, made
from tests.waiting import until
from web.access.doors import DOORS, OPEN_DOOR
from web.app import create_app
from web.paging import cursor_of

Door = tuple[str, str]
# "first": the patient of the world, whose crew is on its way; "second": one who waits for a unit in
# the same region; "new": whoever the answer says was made.
Whom = Literal["first", "second", "new"]

_E, _P, _D = (
    "/api/emergencies/{emergency_id}",
    "/api/patients/{patient_id}",
    "/api/dispatch/{region}",
)
_UNIT, _DOCTOR = "/api/paramedics/{paramedic_id}", "/api/doctors/{doctor_id}"

_CHILD: Final = BODIES["POST", "/api/family/children"]
_VERDICT: Final = BODIES["POST", "/api/break-glass/{break_glass_id}/review"]
_ON_THE_WAY: Final = {"action": "progress", "step": "en_route"}
_ORDER: Final = {"emergency": "{second}", "unit": "{released}", "reason": "walk"}
# (door, who, whose the line says it is, body). Orders about a second call name that one.
SHOWS: Final[list[tuple[Door, str, tuple[Whom, ...], Any]]] = [
    (("POST", "/api/patients"), "ops", ("new",), PATIENT),
    (("GET", "/api/patients"), "ops", ("first", "second"), None),
    (("GET", _P), "ops", ("first",), None),
    (("PUT", _P), "ops", ("first",), {**PATIENT, "region": "{region}"}),
    (("GET", _P + "/history"), "ops", ("first",), None),
    (("GET", _P + "/family"), "the patient", ("first",), None),
    (("POST", _P + "/family"), "the patient", ("first",), {"manager": "{uuid}"}),
    (("GET", "/api/family"), "the family", ("first",), None),
    (("POST", "/api/family/{link_id}/acceptance"), "the invited", ("first",), None),
    (("DELETE", "/api/family/{link_id}"), "the family", ("first",), None),
    (("POST", "/api/family/children"), "the patient", ("new",), _CHILD),
    (("POST", _P + "/break-glass"), "the doctor", ("first",), {"reason": WHY}),
    (("GET", "/api/break-glass"), "auditor", ("first",), None),
    (("POST", "/api/break-glass/{break_glass_id}/review"), "auditor", ("first",), _VERDICT),
    (("DELETE", _P + "/break-glass"), "the doctor", ("first",), None),
    (("GET", "/api/emergencies"), "ops", ("first", "second"), None),
    (("GET", _E), "ops", ("first",), None),
    (("GET", _E + "/why"), "ops", ("first",), None),
    (("GET", _D), "ops", ("first", "second"), None),
    (("GET", _D + "/suggestions"), "ops", ("second",), None),
    (("GET", _D + "/duplicates"), "ops", ("first", "second"), None),
    (("GET", _UNIT + "/tasks"), "the crew", ("first",), None),
    (("GET", _UNIT + "/tasks/{task_id}/hospitals"), "the crew", ("first",), None),
    (("POST", _UNIT + "/tasks/{task_id}"), "the crew", ("first",), _ON_THE_WAY),
    (("GET", _DOCTOR), "the asked doctor", ("first",), None),
    (("PUT", _DOCTOR), "the asked doctor", ("first",), BODIES["PUT", "/api/doctors/{doctor_id}"]),
    (("POST", _DOCTOR + "/duty"), "the asked doctor", ("first",), {"action": "away"}),
    (("POST", _E + "/priority"), "ops", ("first",), {"priority": 2, "reason": "walk"}),
    (("POST", _E + "/stage"), "ops", ("first",), {"location": HERE, "reason": "walk"}),
    (("POST", _E + "/release"), "ops", ("first",), {"ends": "staging", "reason": "walk"}),
    (("POST", _E + "/units"), "ops", ("first",), {"reason": "walk"}),
    (("POST", _E + "/units/{slot}/stand-down"), "ops", ("first",), {"reason": "walk"}),
    (("POST", _E + "/hold"), "ops", ("second",), {"reason": "walk"}),
    (("POST", _D + "/assignments"), "ops", ("second",), _ORDER),
    (("POST", _E + "/merge"), "ops", ("second",), {"into": "{emergency}", "reason": "walk"}),
    (("GET", "/api/audit"), "auditor", ("first",), None),
    (("GET", _P + "/access-log"), "the patient", ("first",), None),
    (("POST", _P + "/emergency"), "the patient", ("first",), EMERGENCY),
    (("POST", _E + "/cancel"), "the patient", ("first",), {"reason": "walk"}),
    (("DELETE", _P), "admin", ("second",), None),
]  # fmt: skip

# Doors behind which there is nothing of a patient's: they answer to everybody who may with what is
# known of staff, places and plans, of the caller's own account, or of the service.
OF_NO_PATIENT: Final = (
    "/api/triage/questions",
    "/api/hospitals",
    "/api/stations",
    "/api/shifts",
    "/api/roster",
    "/api/accounts",
    "/api/sessions",
    "/api/tokens",
    "/metrics",
)
# The same of crews and doctors, whose other doors are in the list above: a profile counts tasks,
# and no step of a shift leaves any in the queue.
OF_STAFF: Final[frozenset[Door]] = frozenset(
    {
        ("POST", "/api/paramedics"),
        ("GET", "/api/paramedics"),
        ("GET", _UNIT),
        ("PUT", _UNIT),
        ("DELETE", _UNIT),
        ("POST", _UNIT + "/duty"),
        ("POST", "/api/doctors"),
        ("GET", "/api/doctors"),
        ("DELETE", _DOCTOR),
        ("GET", _DOCTOR + "/availability"),
        ("PUT", _DOCTOR + "/availability"),
    }
)


def test_of_every_door_it_is_said_whether_it_shows_patients() -> None:
    closed = {door for door, action in DOORS.items() if action != OPEN_DOOR}
    shows = {door for door, _, _, _ in SHOWS}
    nobodys = {door for door in closed if door[1].startswith(OF_NO_PATIENT)} | OF_STAFF
    assert not shows & nobodys
    assert closed == shows | nobodys


@pytest.fixture
def trail() -> MemoryAuditTrail:
    return MemoryAuditTrail()


@pytest.fixture
async def watched(stack: Stack, api: Api, trail: MemoryAuditTrail) -> AsyncIterator[Api]:
    app = create_app(replace(stack.services, audit=trail))
    async with client_of(app) as client:
        yield api.elsewhere(client)


class Things:
    """What the world is made of, and a second patient who waits beside the first."""

    def __init__(self, world: World, names: dict[str, str]) -> None:
        self.world = world
        self.names = names

    def filled(self, value: Any) -> Any:
        """With `{name}` for things that are only known now."""
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        return value.format_map(self.names) if isinstance(value, str) else value

    def address(self, path: str, whose: tuple[Whom, ...], method: str) -> str:
        names = dict(self.names)
        if whose == ("second",):
            names["emergency_id"], names["patient_id"] = names["second"], names["second_patient"]
        if path.endswith("/acceptance"):
            names["link_id"] = self.world.invitation
        listing = {
            "/api/patients": "?region={region}",
            "/api/emergencies": "?region={region}",
            "/api/break-glass": "?limit=1&cursor={from_break_glass}",
            "/api/audit": "?patient_id={patient_id}",
            _D + "/duplicates": "?metres=5000&minutes=60",
        }
        return (path + (listing.get(path, "") if method == "GET" else "")).format_map(names)


async def everything(stack: Stack, api: Api) -> Things:
    world = await made(stack, api)
    seen = await api.call("GET", f"/api/emergencies/{world.emergency}", expect=200)
    region = seen.json()["region"]
    await api.hospital(region=region)
    released = world.cast["the released crew"].subject
    await api.call(
        "POST", f"/api/paramedics/{released}/duty", body={"action": "off_duty"}, expect=200
    )
    second = world.cast["another patient"].subject
    waiting = (await api.emergency(second))["id"]

    async def known() -> bool:
        shown = (await api.call("GET", f"/api/dispatch/{region}", expect=200)).json()
        phases = {case["emergency"]: case["phase"] for case in shown["cases"]}
        return world.emergency in phases and phases.get(waiting) == "waiting"

    await until(known)
    hold = {"reason": "so that the unit which comes back is free"}
    await api.call("POST", f"/api/emergencies/{waiting}/hold", body=hold, expect=200)
    back = {"action": "on_duty", "position": HERE}
    await api.call("POST", f"/api/paramedics/{released}/duty", body=back, expect=200)

    async def free() -> bool:
        shown = (await api.call("GET", f"/api/dispatch/{region}", expect=200)).json()
        return any(unit["unit"] == released and unit["free"] for unit in shown["units"])

    await until(free)
    (task,) = await tasks_of(api, world.crew)
    return Things(
        world,
        {
            "patient_id": world.patient,
            "emergency_id": world.emergency,
            "emergency": world.emergency,
            "paramedic_id": world.crew,
            "doctor_id": world.cast["the asked doctor"].subject,
            "task_id": task["id"],
            "region": region,
            "slot": "2",
            "link_id": world.link,
            "break_glass_id": world.break_glass,
            # From that one on: others' tests have files in the same database.
            "from_break_glass": cursor_of(str(UUID(int=UUID(world.break_glass).int + 1))),
            "second": waiting,
            "second_patient": second,
            "released": released,
            "uuid": str(uuid4()),
        },
    )


async def test_every_door_that_shows_a_patient_names_that_patient(
    stack: Stack, api: Api, watched: Api, trail: MemoryAuditTrail
) -> None:
    things = await everything(stack, api)
    persons = {"first": things.world.patient, "second": things.names["second_patient"]}
    wrong = []
    for (method, path), name, whose, body in SHOWS:
        who = things.world.cast[name]
        assert who.role != "system"
        trail.entries.clear()
        address = things.address(path, whose, method)
        answer = await watched.call(
            method, address, who.role, who.subject, body=things.filled(body)
        )
        where = f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code < 300, where
        expected = set()
        for one in whose:
            new = answer.json() if one == "new" else {}
            expected.add(persons.get(one) or (new.get("patient") or new)["id"])
        line = trail.entries[-1]
        if (line.outcome, {*line.patients}) != ("allowed", expected):
            wrong.append(f"{method} {path}: {line.action} {line.outcome} {line.patients}")
    assert not wrong, "\n".join(wrong)
