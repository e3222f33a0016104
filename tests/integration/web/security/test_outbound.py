"""The service fetches nothing that a caller names: no field takes an address, and where texts are
addresses all the same, nobody goes there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct
from schemathesis import Case

from tests.integration.web.accounts.stage import Stage
from tests.integration.web.security.generated import is_good, planted
from tests.integration.web.security.outbound import Outbound
from tests.integration.web.security.victim import holding, role_for
from tests.integration.web.world import NOBODY
from web.access.doors import DOORS, OPEN_DOOR

ADDRESSES = {"uri", "url", "uri-reference", "iri", "hostname", "ipv4", "ipv6"}
WORDS = ("url", "uri", "href", "link", "callback", "webhook", "host", "endpoint", "avatar", "image")


class Lure(Struct, frozen=True):
    """A server that writes down who came; `address` of it, as it may stand in a text."""

    address: str
    visitors: list[str]


@pytest.fixture
async def lure() -> AsyncIterator[Lure]:
    visitors: list[str] = []

    async def welcome(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Lure(f"http://127.0.0.1:{port}/latest/meta-data", visitors)


def fields(schema: Any, components: Any, seen: frozenset[str] = frozenset()) -> Any:
    """Each named field of what a request may carry, with its schema."""
    if isinstance(schema, list):
        for inner in schema:
            yield from fields(inner, components, seen)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            yield from fields(components[name], components, seen | {name})
        for field, inner in schema.get("properties", {}).items():
            yield field, inner
        for inner in schema.values():
            yield from fields(inner, components, seen)


def test_no_request_has_a_field_for_an_address(document: dict[str, Any]) -> None:
    components, found = document["components"]["schemas"], set()
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                for field, schema in fields(operation.get("requestBody"), components):
                    found.add((field, str(schema.get("format", ""))))
                for one in operation.get("parameters", ()):
                    found.add((one["name"], str(one.get("schema", {}).get("format", ""))))
    assert len(found) > 40
    assert not [field for field, form in found if form in ADDRESSES]
    names = {field.lower().removesuffix("_id") for field, _ in found} - {"link"}
    assert not [name for name in names if any(word in name for word in WORDS)]


def lured(value: Any, address: str) -> Any:
    """The address in place of each text that may be any text."""
    if isinstance(value, dict):
        return {name: lured(inner, address) for name, inner in value.items()}
    if isinstance(value, list):
        return [lured(inner, address) for inner in value]
    return address if isinstance(value, str) else value


async def test_an_address_in_any_text_draws_nobody_there(
    stage: Stage, cases: list[Case[Any]], lure: Lure, outbound: Outbound
) -> None:
    names = ("Referer", "Origin", "X-Forwarded-Host", "X-Original-URL", "Forwarded", "From")
    headers = dict.fromkeys(names, lure.address)
    async with stage.client("10.6.6.6") as client:
        for case in filter(is_good, cases):
            request = planted(case, {})
            action = DOORS[case.method, case.path.rstrip("/") or "/"]
            if action != OPEN_DOOR:
                token = holding(stage, role_for(action), NOBODY).access_token
                request["headers"]["Authorization"] = f"Bearer {token}"
            request["headers"].update(headers)
            body = request.get("json")
            # All its texts at once, then one by one: where one must have a form, others may not.
            bodies = [lured(body, lure.address)]
            if isinstance(body, dict):
                bodies += [{**body, name: lured(body[name], lure.address)} for name in body]
            for changed in bodies if body is not None else [None]:
                if changed is not None:
                    request["json"] = changed
                answer = await client.request(**request)
                assert answer.status_code < 500
    assert lure.visitors == []
    port = int(lure.address.rpartition(":")[2].partition("/")[0])
    assert not [target for target in outbound.targets if target[1] == port]
    assert {host for host, _ in outbound.targets if not host.startswith("/")} <= {"127.0.0.1"}


def test_what_connects_is_seen(outbound: Outbound) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", 9))
    assert outbound.targets == [("127.0.0.1", 9)]
