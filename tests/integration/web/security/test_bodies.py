"""Bodies that want more than they may, or are more than can be: refused, whatever the route."""

from __future__ import annotations

import copy
import gzip
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from schemathesis import Case

from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import problem
from tests.integration.web.security.generated import is_good
from tests.integration.web.security.victim import RECORD, holding, role_for
from tests.integration.web.world import NOBODY
from web.access.doors import DOORS, OPEN_DOOR
from web.body import MAX_BYTES

_PARAMETER: Final = re.compile(r"\{[^}]+\}")
JSON: Final = {"content-type": "application/json"}
# What a caller would like to be, or to say for itself, and what our rows and states are made of.
PRIVILEGED: Final[Mapping[str, Any]] = {
    "id": NOBODY,
    "role": "admin",
    "roles": ["admin"],
    "is_admin": True,
    "admin": True,
    "scope": "*",
    "status": "active",
    "verified_at": "2026-01-01T00:00:00Z",
    "created_at": "2026-01-01T00:00:00Z",
    "deleted_at": None,
    "version": 0,
    "patient_id": NOBODY,
    "account_id": NOBODY,
    "subject": "root",
    "by": {"role": "system", "subject": "root"},
    "sender": {"role": "system", "subject": "root"},
    "sealed": "",
    "__proto__": {"admin": True},
    "__class__": "Admin",
    "$where": "1",
}


# What browsers make (WebAuthn §5.1): dictionaries that grow with their versions. Fields that are
# not known are passed over, and none of these is kept as it came.
BROWSERS: Final = "/credential"
# In an object inside of another these will do.
NESTED: Final = ("id", "role", "by", "__proto__")
Door = tuple[str, str]
Bodies = dict[Door, dict[str, Any]]


@pytest.fixture(scope="module")
def bodies(cases: list[Case[Any]]) -> Bodies:
    """A good body for each route that takes one."""
    found: Bodies = {}
    for case in cases:
        if is_good(case) and isinstance(case.body, dict):
            found.setdefault((case.method, case.path.rstrip("/")), case.body)
    return found


@pytest.fixture(scope="module")
def taken(document: dict[str, Any]) -> dict[Door, dict[str, dict[str, Any]]]:
    """The description's schemas of all that each route's body may consist of."""
    return {
        (method.upper(), path.rstrip("/")): dict(
            reached(document["components"]["schemas"], operation["requestBody"], set())
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "requestBody" in operation
    }


def reached(
    components: Mapping[str, Any], schema: Any, seen: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The named schemas that this one is made of, by name."""
    if isinstance(schema, list):
        for inner in schema:
            yield from reached(components, inner, seen)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            yield name, components[name]
            yield from reached(components, components[name], seen)
        for inner in schema.values():
            yield from reached(components, inner, seen)


def entitled(stage: Stage, door: Door) -> Caller:
    """One whom the door lets in, so that it is the body that is looked at."""
    action = DOORS[door]
    if action == OPEN_DOOR:
        return stage.stranger()
    return holding(stage, role_for(action), NOBODY)


def address(path: str) -> str:
    return _PARAMETER.sub(NOBODY, path.replace("{slot}", "2"))


def objects(body: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object in it, with where it is."""
    if isinstance(body, dict):
        yield pointer, body
        for name, inner in body.items():
            yield from objects(inner, f"{pointer}/{name}")
    elif isinstance(body, list):
        for index, inner in enumerate(body):
            yield from objects(inner, f"{pointer}/{index}")


def test_every_route_that_takes_a_body_has_one_here(
    taken: dict[Door, dict[str, dict[str, Any]]], bodies: Bodies
) -> None:
    assert set(taken) == set(bodies)


def test_no_body_of_the_description_takes_fields_it_does_not_name(
    taken: dict[Door, dict[str, dict[str, Any]]],
) -> None:
    found = {name: one for schemas in taken.values() for name, one in schemas.items()}
    with_fields = {name: one for name, one in found.items() if "properties" in one}
    assert len(with_fields) > 20
    loose = {n for n, one in with_fields.items() if one.get("additionalProperties") is not False}
    assert loose == {
        "CreatedCredential",
        "AttestationResponse",
        "AssertedCredential",
        "AssertionResponse",
    }


async def test_no_field_can_be_slipped_in_anywhere(
    stage: Stage, bodies: Bodies, taken: dict[Door, dict[str, dict[str, Any]]]
) -> None:
    for door, good in bodies.items():
        caller = entitled(stage, door)
        declared = {name for one in taken[door].values() for name in one.get("properties", ())}
        for where, _ in objects(good):
            # The first are named by the questionnaire, which is data.
            if where.endswith("/answers") or where.startswith(BROWSERS):
                continue
            for name in PRIVILEGED if where == "" else NESTED:
                body = copy.deepcopy(good)
                dict(objects(body))[where].setdefault(name, PRIVILEGED[name])
                if name not in declared:
                    answer = await caller.call(door[0], address(door[1]), body)
                    assert answer.status_code == 422, (door, where, name, answer.text)


async def test_nobody_is_made_what_they_say_they_are(stage: Stage) -> None:
    caller = await stage.patient()
    me = (await caller.get("/api/accounts/me")).json()
    path = f"/api/patients/{me['subject']}"
    for name, value in PRIVILEGED.items():
        answer = await caller.call("PUT", path, {**RECORD, name: value})
        (error,) = problem(answer, 422, "invalid-body")["errors"]
        assert f"`{name}`" in error["detail"]
    assert (await caller.get("/api/accounts/me")).json() == me


async def test_a_body_too_large_or_too_deep_is_refused_by_every_route(
    stage: Stage, bodies: Bodies
) -> None:
    deep = {
        "lists": b"[" * 100_000 + b"]" * 100_000,
        "objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        "never closed": b"[" * (MAX_BYTES - 1),
        "inside of a field": b'{"name":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    }
    other = {
        "a number of many digits": b'{"name":' + b"9" * 100_000 + b"}",
        "a number beyond all": b'{"priority":1e999999}',
        "many fields": b"{" + b",".join(b'"%d":0' % n for n in range(20_000)) + b"}",
        "a name twice": b'{"name":"a","name":{}}',
        "not JSON's own numbers": b'{"name":NaN,"phone":-Infinity}',
        "UTF-16": '{"name":"x"}'.encode("utf-16"),
        "compressed": gzip.compress(b'{"name":"x"}'),
    }
    for method, path in bodies:
        caller = entitled(stage, (method, path))
        headers = {**JSON, "Authorization": f"Bearer {caller.access_token}"}
        async with stage.client(caller.address) as client:
            where = address(path)
            large = await client.request(
                method, where, content=b" " * (MAX_BYTES + 1), headers=headers
            )
            problem(large, 413, "request-entity-too-large")
            for name, content in {**deep, **other}.items():
                answer = await client.request(method, where, content=content, headers=headers)
                assert answer.status_code in (400, 422), (method, path, name, answer.text)
                assert len(answer.content) < 2000, (method, path, name)


async def test_a_repeated_field_or_key_decides_nothing(stage: Stage) -> None:
    """Two readers of one body must not see two bodies: the last of a name counts, for all of us."""
    caller = await stage.patient()
    subject = (await caller.get("/api/accounts/me")).json()["subject"]
    text = b'{"name":"First","phone":"0805550101","name":"Second"}'
    headers = {**JSON, "Authorization": f"Bearer {caller.access_token}"}
    async with stage.client(caller.address) as client:
        answer = await client.put(f"/api/patients/{subject}", content=text, headers=headers)
    assert answer.status_code == 200 and answer.json()["name"] == "Second"
