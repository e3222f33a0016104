"""Requests that the API's own description asks for: good ones, and ones it says are bad.

The same ones in each run (derandomised): a failure is found again by running the test again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES: Final = 2
BASE_URL: Final = "http://rest.test"
_ALWAYS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def cases_of(document: Mapping[str, Any]) -> list[Case[Any]]:
    """Of each operation some good and some bad ones; what ends things comes last."""
    # Who calls is the tests' own to say: tokens are attacked elsewhere.
    components = {name: all_ for name, all_ in document["components"].items() if name == "schemas"}
    unlocked = {**document, "components": components}
    unlocked.pop("security", None)
    schema = schemathesis.openapi.from_dict(unlocked)
    found: list[Case[Any]] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            found += _examples(operation.as_strategy(generation_mode=mode))
    return sorted(found, key=lambda case: (case.method == "DELETE", case.path.endswith("current")))


def _examples(strategy: Any) -> list[Case[Any]]:
    found: list[Case[Any]] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def collect(case: Case[Any]) -> None:
        found.append(case)

    try:
        collect()
    except Unsatisfiable:  # nothing can be wrong with a request that takes nothing
        return []
    return found


def is_good(case: Case[Any]) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def planted(case: Case[Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """A good case's request for these things instead of ones that do not exist."""
    if case.path.endswith("/break-glass"):  # lets its caller in: what is seen then is by right
        ids = {}
    path = {name: ids.get(name, value) for name, value in (case.path_parameters or {}).items()}
    query = {name: ids.get(name, value) for name, value in (case.query or {}).items()}
    body = case.body
    if isinstance(body, dict):
        body = {name: ids.get(name, value) for name, value in body.items()}
    request: dict[str, Any] = {
        "method": case.method,
        "url": BASE_URL + case.path.format(**path),
        "headers": dict(case.headers or {}),
        "params": query,
    }
    if body is not NOT_SET:
        request["json"] = body
    return request


def as_generated(case: Case[Any]) -> dict[str, Any]:
    """What a client makes of the case as it is."""
    sent = case.as_transport_kwargs(base_url=BASE_URL)
    request: dict[str, Any] = {}
    request |= {name: sent[name] for name in ("method", "url", "params", "json") if name in sent}
    request["headers"] = dict(sent.get("headers") or {})
    if sent.get("data") is not None:
        request["content"] = sent["data"]
    return request


def conforms(case: Case[Any], response: httpx.Response, *, let_in: bool) -> None:
    """The answer is one that the description announces. `let_in`: the caller passed the door, so
    that a bad request must have been refused for what is bad in it."""
    checks = list(_ALWAYS)
    if let_in and not is_good(case):
        checks.append(negative_data_rejection)
    case.validate_response(response, checks=checks)
