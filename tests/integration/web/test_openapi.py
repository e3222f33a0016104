"""The API's description: complete, valid, and (everywhere else in this suite) true."""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator
from litestar.routes import HTTPRoute

from tests.integration.web.conftest import Stack, client_of
from tests.integration.web.test_access import BODIES
from web.access.doors import DOORS, OPEN_DOOR

METHODS = {"get", "put", "post", "delete", "patch"}
# Pages, sockets, and what describes the service: read by people and SDKs.
UNDESCRIBED = ("/schema", "/asyncapi", "/ui/", "/connection/", "/emulation", "/account")
# A repeat of these does no harm, or they have a way of their own to tell it.
WITHOUT_KEY = re.compile(r"/api/(tokens|sessions|accounts)(/.*)?|.*/(acceptance|review)", re.ASCII)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_openapi_3_1_and_describes_every_route(
    stack: Stack, document: dict[str, Any]
) -> None:
    assert document["openapi"].startswith("3.1.")
    described = {(method.upper(), path) for method, path, _ in operations(document)}
    assert described == {
        door for door in DOORS if door[1] != "/" and not door[1].startswith(UNDESCRIBED)
    }
    assert {r.path_format for r in stack.app.routes if isinstance(r, HTTPRoute)} >= {
        path for _, path in described
    }


def test_every_operation_says_what_it_is_and_who_may_call_it(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for method, path, operation in operations(document):
        assert operation["summary"] and operation["tags"], (method, path)
        is_open = operation.get("security") == []
        assert is_open == (DOORS[method.upper(), path] == OPEN_DOOR), (method, path)


def test_every_operation_describes_its_parameters_body_and_answers(
    document: dict[str, Any],
) -> None:
    for method, path, operation in operations(document):
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"\{([^}]+)\}", path))
        if method == "post" and path.startswith("/api") and not WITHOUT_KEY.fullmatch(path):
            headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
            assert headers == {"Idempotency-Key"}
        if (method.upper(), path) in BODIES:
            assert "requestBody" in operation
        assert method not in ("get", "delete") or "requestBody" not in operation
        answers = operation["responses"]
        assert any(status.startswith("2") for status in answers)
        if path.startswith("/api"):
            assert {"401", "403", "404", "503"} <= set(answers)
        for status, answer in answers.items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_schema_is_valid_and_every_reference_leads_somewhere(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        Draft202012Validator.check_schema(schema)
    references = re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document))
    assert set(references) == set(schemas)


def test_bodies_refuse_unknown_fields_in_the_description_too(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("PatientBody", "RaiseBody", "ParamedicBody", "DoctorBody", "Accept", "Location"):
        assert schemas[name]["additionalProperties"] is False


async def test_it_is_served_under_both_its_addresses(stack: Stack) -> None:
    async with client_of(stack.app) as client:
        first, second = await client.get("/schema"), await client.get("/schema/openapi.json")
    assert first.content == second.content
    assert first.headers["content-type"].startswith("application/vnd.oai.openapi+json")
