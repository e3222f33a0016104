"""Holds every answer against what the API's own description says of its route and status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from httpx import Response
from jsonschema import Draft202012Validator, FormatChecker


class Contract:
    """`document`: what /schema serves."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self._paths = [
            (re.compile(re.sub(r"\{[^/]+\}", "[^/]+", path)), described)
            # /patients/me before /patients/{id}, as the router has it.
            for path, described in sorted(document["paths"].items(), key=lambda one: "{" in one[0])
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, method: str, path: str, response: Response) -> None:
        """Fails where the status, the media type or the body is not as described."""
        described = self._described(path)
        operation = None if described is None else described.get(method.lower())
        if operation is None:
            assert response.status_code in (404, 405), f"{method} {path} is not described"
            return
        answer = operation["responses"].get(str(response.status_code))
        assert answer is not None, f"{method} {path}: {response.status_code} is not described"
        contents = answer.get("content")
        if not contents:
            assert response.content == b""
            return
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in contents, f"{method} {path}: {kind} is not described"
        if kind.endswith("json"):
            self._validator(contents[kind]["schema"]).validate(response.json())

    def _described(self, path: str) -> Any:
        return next((what for shape, what in self._paths if shape.fullmatch(path)), None)

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self._components}
            self._validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        return self._validators[key]
