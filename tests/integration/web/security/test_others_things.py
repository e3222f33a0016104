"""Ids of others, wherever an id can be given: they open nothing, and are told from ids of nothing
by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final
from uuid import uuid4

import pytest
from httpx import Response

from actors.domain.access import could
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import EMERGENCY, Api, problem
from tests.integration.web.security.victim import Victim, strangers, victim
from tests.integration.web.test_access import BODIES
from tests.integration.web.world import NOBODY, World
from web.access.doors import DOORS, OPEN_DOOR

Door = tuple[str, str]
# Who opens a record in an emergency sees it by right: test_break_glass.py has that.
BY_RIGHT: Final = {("POST", "/api/patients/{patient_id}/break-glass")}
NAMED: Final = [
    door
    for door, action in DOORS.items()
    if "{" in door[1] and action != OPEN_DOOR and door not in BY_RIGHT
]
# Who has nothing to do with the world's patient, crew or doctor (any more).
OUTSIDERS: Final = (
    "another patient",
    "the former family",
    "another crew",
    "the released crew",
    "the doctor",
    "a doctor whose time is up",
)


@pytest.fixture(scope="module")
async def prey(stage: Stage) -> Victim:
    return await victim(stage)


@pytest.fixture(scope="module")
async def cast(stage: Stage, api: Api) -> dict[str, Caller]:
    return await strangers(stage, api)


def things(path: str, world: World, prey: Victim) -> dict[str, str]:
    """Real ids for the parameters of a path: somebody's."""
    known = {
        "patient_id": world.patient,
        "emergency_id": world.emergency,
        "paramedic_id": world.crew,
        "doctor_id": world.doctor,
        "link_id": world.invitation if path.endswith("/acceptance") else world.link,
        "break_glass_id": world.break_glass,
        "account_id": prey.ids["account_id"],
        "session_id": prey.ids["session_id"],
        "task_id": "none",
        "region": "walk",
    }
    return {name: known.get(name, NOBODY) for name in parameters(path)}


def parameters(path: str) -> Iterator[str]:
    for part in path.split("{")[1:]:
        yield part.partition("}")[0]


def seen(response: Response) -> tuple[Any, ...]:
    """All that a caller can see of an answer but what names this very request."""
    headers = {k: v for k, v in response.headers.items() if k != "x-request-id"}
    body = response.json() if response.content else None
    if isinstance(body, dict):
        body = {**body, "request_id": ""}
    return response.status_code, headers, body


@pytest.mark.parametrize(("method", "path"), NAMED)
async def test_what_is_anothers_looks_like_what_is_not_there(
    api: Api, world: World, prey: Victim, method: str, path: str
) -> None:
    real = things(path, world, prey)
    nothing = {
        name: value if name in ("task_id", "region") else NOBODY for name, value in real.items()
    }
    for name in OUTSIDERS:
        who = world.cast[name]
        assert who.role != "system"
        if who.subject in real.values():
            continue  # their own
        body = BODIES.get((method, path))
        one, other = [
            await api.call(method, path.format(**ids), who.role, who.subject, body=body)
            for ids in (real, nothing)
        ]
        if one.status_code in (403, 404):
            assert seen(one) == seen(other), f"{name} at {method} {path}"
        else:  # by role alone: it is no secret to them that it is there
            assert could(who.role, DOORS[method, path])
            assert world.patient not in one.text


async def test_another_persons_session_and_account_are_out_of_reach(
    cast: dict[str, Caller], prey: Victim
) -> None:
    thief = cast["patient"]
    session, account = prey.ids["session_id"], prey.ids["account_id"]
    ending = await thief.call("DELETE", f"/api/sessions/{session}")
    assert seen(ending) == seen(await thief.call("DELETE", f"/api/sessions/{NOBODY}"))
    for path in (f"/api/accounts/{account}", "/api/accounts"):
        problem(await thief.get(path, expect=403), 403, "forbidden")
    for what in ("disable", "enable", "totp-reset"):
        answer = await thief.post(f"/api/accounts/{account}/{what}", {"reason": "test"})
        problem(answer, 403, "forbidden")
    shown = (await thief.get("/api/sessions")).json()["items"]
    assert session not in {one["id"] for one in shown}
    await prey.is_herself()


async def test_filters_and_cursors_widen_nothing(
    stage: Stage, cast: dict[str, Caller], prey: Victim, document: dict[str, Any]
) -> None:
    """Each listing asked for what is hers, and from where staff's own walk would go on."""
    admin = stage.admin()
    cursor = (await admin.get("/api/patients?limit=1")).json()["next"]
    assert cursor
    asked = 0
    for path, operations in document["paths"].items():
        queries = operations.get("get", {}).get("parameters", ())
        names = [one["name"] for one in queries if one["in"] == "query"]
        address = path.format(**{name: prey.ids.get(name, NOBODY) for name in parameters(path)})
        for name in names:
            value = {
                "cursor": cursor,
                "name": "Quillfeather",
                "phone": "+911239874560",
                "role": "patient",
            }.get(name, prey.ids["patient_id"])
            if name == "limit":
                value = "100"
            for who, caller in cast.items():
                answer = await caller.get(
                    f"{address}?{name}={value.replace('+', '%2B')}", expect=None
                )
                assert answer.status_code < 500
                shown = [text for text in prey.secrets if text in answer.text]
                assert not shown, f"{who} at {path}?{name}: {shown}"
                asked += 1
    assert asked > 50


async def test_anothers_idempotency_key_gives_nothing_of_what_they_did(
    cast: dict[str, Caller], prey: Victim
) -> None:
    key = uuid4().hex
    path = f"/api/patients/{prey.ids['patient_id']}/emergency"
    hers = await prey.caller.post(path, dict(EMERGENCY), key=key)
    assert hers.status_code in (201, 409), hers.text
    thief = cast["patient"]
    own = (await thief.get("/api/accounts/me")).json()["subject"]
    for where, expected in ((path, (404,)), (f"/api/patients/{own}/emergency", (201,))):
        answer = await thief.post(where, dict(EMERGENCY), key=key)
        assert answer.status_code in expected
        assert prey.ids["patient_id"] not in answer.text
        assert hers.json().get("id", prey.ids["emergency_id"]) not in answer.text


async def test_ids_say_nothing_of_the_next(stage: Stage) -> None:
    """UUIDv7: of the time, and of 74 random bits; two made at once share no more than the time."""
    tails = set()
    for _ in range(4):
        caller = await stage.patient()
        id_ = (await caller.get("/api/accounts/me")).json()["subject"]
        tails.add(id_[-12:])
        assert id_[14] == "7"
    numbers = sorted(int(tail, 16) for tail in tails)
    assert len(numbers) == 4
    assert min(b - a for a, b in pairwise(numbers)) > 1_000_000
