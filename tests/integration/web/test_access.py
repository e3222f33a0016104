"""The walk: everybody at each door of the service, held against the table of who may what.

What a door should answer follows from the table (actors/domain/access.py) and from what is true in
the world of these tests; what it does answer comes from the real routes. A door that is not on the
list fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from litestar import Litestar, get
from litestar.routes import ASGIRoute, HTTPRoute

from actors.domain.access import by_role_alone, could, may
from actors.domain.kernel import Sender
from tests.integration.web.api import (
    DOCTOR,
    EMERGENCY,
    HERE,
    HOSPITAL,
    PARAMEDIC,
    PATIENT,
    STATION,
    Api,
    problem,
)
from tests.integration.web.conftest import Stack, client_of
from tests.integration.web.world import NOBODY, WHY, World, made
from web.access.doors import DOORS, OPEN_DOOR
from web.app import create_app
from web.composition import transports
from web.ui.controller import HANDLERS as FIRST_PAGE

Door = tuple[str, str]

SHIFT: Final = {
    "station": NOBODY,
    "starts_at": "2030-01-01T06:00:00Z",
    "ends_at": "2030-01-01T14:00:00Z",
}

# What a route takes that wants a body, where what it answers depends on the thing.
BODIES: Final[dict[Door, Any]] = {
    ("POST", "/api/patients"): PATIENT,
    ("PUT", "/api/patients/{patient_id}"): PATIENT,
    ("POST", "/api/patients/{patient_id}/emergency"): EMERGENCY,
    ("POST", "/api/patients/{patient_id}/break-glass"): {"reason": WHY},
    ("POST", "/api/break-glass/{break_glass_id}/review"): {"verdict": "justified", "note": "ok"},
    ("POST", "/api/patients/{patient_id}/family"): {"manager": NOBODY},
    ("POST", "/api/family/children"): {**PATIENT, "birth_date": "2022-05-01"},
    ("POST", "/api/emergencies/{emergency_id}/cancel"): {"reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/priority"): {"priority": 3, "reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/hold"): {"reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/release"): {"ends": "hold", "reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/stage"): {"location": HERE, "reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/units"): {"reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/units/{slot}/stand-down"): {"reason": "walk"},
    ("POST", "/api/emergencies/{emergency_id}/merge"): {"into": NOBODY, "reason": "walk"},
    ("POST", "/api/dispatch/{region}/assignments"): {
        "emergency": NOBODY,
        "unit": NOBODY,
        "reason": "walk",
    },
    ("POST", "/api/paramedics"): PARAMEDIC,
    ("PUT", "/api/paramedics/{paramedic_id}"): PARAMEDIC,
    ("POST", "/api/paramedics/{paramedic_id}/tasks/{task_id}"): {
        "action": "hand_back",
        "reason": "walk",
    },
    ("POST", "/api/paramedics/{paramedic_id}/duty"): {"action": "on_duty", "position": HERE},
    ("POST", "/api/hospitals"): HOSPITAL,
    ("PUT", "/api/hospitals/{hospital_id}"): HOSPITAL,
    ("PUT", "/api/hospitals/{hospital_id}/load"): {"intake": "open"},
    ("POST", "/api/stations"): STATION,
    ("PUT", "/api/stations/{station_id}"): STATION,
    ("POST", "/api/shifts"): {**SHIFT, "unit": NOBODY},
    ("PUT", "/api/shifts/{shift_id}"): SHIFT,
    ("POST", "/api/doctors"): DOCTOR,
    ("PUT", "/api/doctors/{doctor_id}"): DOCTOR,
    ("PUT", "/api/doctors/{doctor_id}/availability"): {"timezone": "UTC"},
    ("POST", "/api/doctors/{doctor_id}/duty"): {"action": "on_duty"},
    ("POST", "/api/tokens"): {"role": "ops", "subject": "walk"},
}
# After these the world is another: they have one of their own.
CHANGES_THE_WORLD: Final[frozenset[Door]] = frozenset(
    {
        ("POST", "/api/emergencies/{emergency_id}/cancel"),
        ("POST", "/api/patients/{patient_id}/break-glass"),
        ("POST", "/api/family/{link_id}/acceptance"),
        *(door for door in DOORS if door[0] == "DELETE" and "{" in door[1]),
    }
)
CLOSED: Final = [door for door, action in DOORS.items() if action != OPEN_DOOR]
OPEN: Final = [door for door, action in DOORS.items() if action == OPEN_DOOR and door[0] != "*"]


@pytest.fixture(scope="module")
def whole(stack: Stack) -> Litestar:
    """The application with all that the composition root mounts beside the API."""
    return create_app(stack.services, [*transports(stack.node.realtime), *FIRST_PAGE])


@pytest.fixture(scope="module")
async def door(whole: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(whole) as client:
        yield client


@pytest.fixture(scope="module")
async def world(stack: Stack, api: Api) -> World:
    """Shared by all whose calls change nothing in it."""
    return await made(stack, api)


def doors_of(app: Litestar) -> set[Door]:
    """By the application's own table of routes."""
    found = {("*", route.path_format) for route in app.routes if isinstance(route, ASGIRoute)}
    return found | {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }


def test_every_route_of_the_application_is_on_the_list(whole: Litestar) -> None:
    assert doors_of(whole) == set(DOORS)


async def test_a_route_that_is_not_on_the_list_fails_the_walk_and_serves_nobody(
    stack: Stack, api: Api
) -> None:
    @get("/api/planted", sync_to_thread=False)
    def planted() -> dict[str, str]:
        return {"secret": "everything"}

    app = create_app(stack.services, [planted])
    assert doors_of(app) - set(DOORS) == {("GET", "/api/planted")}
    async with client_of(app) as client:
        for role in ("admin", "ops", "auditor", "patient"):
            headers = {"Authorization": f"Bearer {api.token(role)}"}
            response = await client.get("/api/planted", headers=headers)
            problem(response, 403, "forbidden")


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_a_door_lets_in_whom_the_table_names_and_nobody_else(
    stack: Stack, api: Api, world: World, method: str, path: str
) -> None:
    action = DOORS[method, path]
    there = await made(stack, api) if (method, path) in CHANGES_THE_WORLD else world
    for name, who in there.cast.items():
        response = await asked(api, method, there.address(path), who, BODIES.get((method, path)))
        where = f"{name} at {method} {path}: {response.status_code} {response.text[:200]}"
        if not could(who.role, action):
            assert kind_of(response) == (403, "forbidden"), where
        elif by_role_alone(who.role, action) or may(who, action, there.facts(path)):
            assert served(response, by_role_alone(who.role, action)), where
        else:
            assert kind_of(response) == (404, "not-found"), where


async def asked(api: Api, method: str, address: str, who: Sender, body: Any) -> httpx.Response:
    assert who.role != "system"
    return await api.call(method, address, who.role, who.subject, body=body)


def kind_of(response: httpx.Response) -> tuple[int, str]:
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    slug = response.json()["type"].removeprefix("/problems/") if is_problem else ""
    return response.status_code, slug


def served(response: httpx.Response, whatever_it_is: bool) -> bool:
    """It got past the door: done, or refused by the state of things.

    `whatever_it_is`: this caller may know that a thing is not there.
    """
    status, slug = kind_of(response)
    if slug == "not-found":
        return whatever_it_is
    return status < 500 and slug not in ("forbidden", "unauthorized")


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_a_door_that_does_not_say_it_is_open_wants_a_token(
    door: httpx.AsyncClient, world: World, method: str, path: str
) -> None:
    address = world.address(path)
    problem(await door.request(method, address), 401, "unauthorized")
    # Where something else at the address is open, what is possible there is no secret.
    shared = any(open_path == path for _, open_path in OPEN)
    assert shared or (await door.request("OPTIONS", address)).status_code == 401


@pytest.mark.parametrize(("method", "path"), OPEN)
async def test_an_open_door_wants_no_token(
    door: httpx.AsyncClient, world: World, method: str, path: str
) -> None:
    response = await door.request(method, world.address(path))
    assert response.status_code < 500 and response.status_code not in (401, 403), response.text


async def test_what_is_not_there_and_what_is_anothers_look_the_same(api: Api, world: World) -> None:
    for path in ("/api/patients/{patient_id}", "/api/emergencies/{emergency_id}"):
        none = path.format(patient_id=NOBODY, emergency_id=NOBODY)
        for name in ("another patient", "another crew", "the doctor", "a doctor whose time is up"):
            who = world.cast[name]
            seen = (await asked(api, "GET", world.address(path), who, None)).json()
            unseen = (await asked(api, "GET", none, who, None)).json()
            assert {**seen, "request_id": ""} == {**unseen, "request_id": ""}


async def test_an_administrator_hands_out_tokens_that_work_and_none_of_its_own_kind(
    api: Api, world: World
) -> None:
    body = {"role": "patient", "subject": world.patient, "ttl_s": 60}
    issued = (await api.call("POST", "/api/tokens", "admin", body=body, expect=201)).json()
    response = await api.client.get(
        f"/api/patients/{world.patient}", headers={"Authorization": f"Bearer {issued['token']}"}
    )
    assert response.status_code == 200
    for wrong in ({"role": "admin"}, {"ttl_s": 86_401}, {"ttl_s": 0}, {"subject": ""}):
        refused = await api.call("POST", "/api/tokens", "admin", body={**body, **wrong})
        problem(refused, 422, "invalid-body")
