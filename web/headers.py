"""Headers of every response: the request's id, and what keeps browsers from guessing.

A request may bring an `X-Request-Id`; it is echoed, and stands in our log and in problems. Answers
are about people, so nothing may be kept by caches on the way.
"""

from __future__ import annotations

import re
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from web.command_id import random_id

# What may come in is short and harmless in a log line.
_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_STATE_KEY: Final = "maxray_request_id"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Pages say for themselves what may run in them (web/ui). All else is data: should a browser be
    # brought to show it, nothing in it runs.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# A year, as browsers want it; of this host only, for others of its domain are not ours to bind.
_STRICT_TRANSPORT: Final = "max-age=31536000"


def request_id(scope: Scope) -> str:
    """The id the caller gave this request, or one made for it."""
    state = scope["state"]
    if _STATE_KEY not in state:
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        state[_STATE_KEY] = given.decode() if _ACCEPTED.fullmatch(given) else random_id()
    known: str = state[_STATE_KEY]
    return known


async def finish(message: Message, scope: Scope) -> None:
    """The `before_send` hook."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders(message)
    headers["X-Request-Id"] = request_id(scope)
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    if headers.get("content-type", "").startswith("application/"):
        headers.setdefault("Cache-Control", "no-store")
    # Over TLS of our own, or of a proxy that we trust. RFC 6797 §7.2: never over plain HTTP.
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", _STRICT_TRANSPORT)
