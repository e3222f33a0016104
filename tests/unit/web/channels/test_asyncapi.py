"""The AsyncAPI document: every channel and call, with the types that are really sent and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from actors.domain.views.paramedic import FleetRow, PositionView
from web.channels.asyncapi import document
from web.channels.calls import CALLS
from web.channels.catalogue import CHANNELS
from web.channels.reference import BEGIN, END, with_tables

DOCUMENT: dict[str, Any] = json.loads(json.dumps(document("1.2.3", "/socket")))


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 20
    for reference in found:
        assert resolved(reference)


def test_every_channel_and_call_is_described() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert addresses == {kind.address for kind in CHANNELS.values()} | set(CALLS)
    described = {
        one["channel"]["$ref"].rpartition("/")[2] for one in DOCUMENT["operations"].values()
    }
    assert described == set(DOCUMENT["channels"])


def test_a_publication_is_valid_by_its_channels_schema() -> None:
    message = DOCUMENT["channels"]["fleet"]["messages"]["publication"]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    here = PositionView(1.5, 2.5, "2026-01-01T00:00:00Z")
    row = FleetRow(
        unit="u",
        name="Unit",
        status="available",
        vehicle="ambulance",
        position=here,
        task=None,
        emergency=None,
    )
    sent = json.loads(msgspec.json.encode(row))
    jsonschema.validate(sent, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**sent, "status": "asleep"}, schema)


def test_arguments_are_refused_by_the_schema_as_by_the_call() -> None:
    message = DOCUMENT["channels"]["call_task_accept"]["messages"]["arguments"]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    jsonschema.validate({"task": "t-1", "id": "once"}, schema)
    for wrong in ({}, {"task": 7}, {"task": "t-1", "tsk": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_page_of_channels_is_as_written_from_the_catalogue() -> None:
    page = Path("docs/channels.md").read_text(encoding="utf-8")
    assert page == with_tables(page), "run: python -m web.channels.reference docs/channels.md"
    with pytest.raises(ValueError, match="no part between"):
        with_tables(page.replace(BEGIN, "").replace(END, ""))
