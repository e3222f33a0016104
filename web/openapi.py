"""The API's description: OpenAPI 3.1 at /schema.

The framework finds routes and parameters; the schemas of bodies and answers are msgspec's own,
which say all that decoding holds a body to (bounds, patterns, no unknown fields).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from web.auth import OPEN, is_open
from web.problems import MEDIA_TYPE, Problem

_SAYS: Final = {
    400: "The request is malformed",
    401: "No bearer token, or one that is not good",
    403: "This role may not do that, whatever the thing",
    404: "It does not exist, or is not the caller's to see",
    405: "Not a method of this address",
    409: "Not possible as things stand; `allowed` says what is",
    410: "It was deleted",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The body is not what the route takes, or the Idempotency-Key is another request's",
    503: "Not just now; see Retry-After, and repeat with the same Idempotency-Key",
}
# What any route may answer with; every one of them is a problem document.
PROBLEMS: Final = {
    status: ResponseSpec(Problem, description=says, media_type=MEDIA_TYPE, generate_examples=False)
    for status, says in _SAYS.items()
}


def config(version: str) -> OpenAPIConfig:
    """JSON only: a page that shows it would load scripts from elsewhere."""
    return OpenAPIConfig(
        title="MaxRay",
        version=version,
        description=(
            "Emergency response: patients ask for help, crews are dispatched and followed live. "
            "Errors are RFC 9457 problem documents. Times are RFC 3339 in UTC, ids UUIDv7. "
            "Lists page by cursor, newest first."
        ),
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            dto=None,
            return_dto=None,
            opt=OPEN,
            after_request=_no_pages,
        ),
        render_plugins=[_Exact(path=["/", "/openapi.json"])],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            }
        ),
        security=[{"bearer": []}],
        use_handler_docstrings=False,
    )


async def _no_pages(response: Response[Any]) -> Response[Any]:
    # The framework answers an unknown address below /schema with a page of its own.
    if response.status_code == NotFoundException.status_code:
        raise NotFoundException
    return response


class _Exact(JsonRenderPlugin):
    """Renders the document of its application, once."""

    _rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._rendered is None:
            self._rendered = msgspec.json.encode(_exact(request.app, openapi_schema))
        return self._rendered


def _exact(app: Litestar, document: dict[str, Any]) -> dict[str, Any]:
    """The document with msgspec's schemas in place of the framework's."""
    document = msgspec.json.decode(msgspec.json.encode(document))
    operations = list(_operations(app, document))
    types = {Problem: None}
    for handler, _ in operations:
        types |= dict.fromkeys(t for t in (_body(handler), _answer(handler)) if t is not None)
        types |= dict.fromkeys(_answers_of_a_status(handler).values())
    schemas, components = msgspec.json.schema_components(
        list(types), ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(types, schemas, strict=True))
    for handler, operation in operations:
        if is_open(handler.opt):
            operation["security"] = []
        if (body := _body(handler)) is not None:
            operation["requestBody"]["content"]["application/json"]["schema"] = schema_of[body]
        answer, others = _answer(handler), _answers_of_a_status(handler)
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                if int(status) >= 400:
                    content["schema"] = schema_of[Problem]
                elif (shown := others.get(int(status), answer)) is not None:
                    content["schema"] = schema_of[shown]
    document["components"]["schemas"] = components
    return document


def _operations(
    app: Litestar, document: dict[str, Any]
) -> Iterator[tuple[HTTPRouteHandler, dict[str, Any]]]:
    for route in app.routes:
        described = document["paths"].get(route.path_format, {})
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    if (operation := described.get(method.lower())) is not None:
                        yield handler, operation


def _body(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_data_field
    return None if field is None else field.annotation


def _answer(handler: HTTPRouteHandler) -> Any:
    returned = handler.parsed_fn_signature.return_type
    if returned.is_union:  # the first is the usual one, the others have a status of their own
        returned = returned.inner_types[0]
    if returned.is_subclass_of(Response):
        returned = returned.inner_types[0]
    kind = returned.annotation
    return None if kind in (None, type(None), bytes) else kind


def _answers_of_a_status(handler: HTTPRouteHandler) -> dict[int, Any]:
    """What the handler declares for a success besides its usual one."""
    declared = handler.responses or {}
    return {status: spec.data_container for status, spec in declared.items() if status < 400}
