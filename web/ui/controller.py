"""`/` and its parts under `/ui/`. The page holds no data: it asks for a token and uses the API."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from web.auth import OPEN
from web.services import Services

_FOLDER: Final = Path(__file__).parent
_PAGE: Final = "index.html"
_ACCOUNT: Final = "account.html"
_PARTS: Final = {
    "icon.svg": "image/svg+xml",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "passkey.js": "text/javascript",
    "account.js": "text/javascript",
    "board.js": "text/javascript",
    "centrifuge.js": "text/javascript",
    "map.js": "text/javascript",
}
# Nothing from elsewhere, nothing inline; the socket is of our own origin too.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # A new version of the page is seen at once; it is small.
    "Cache-Control": "no-cache",
}


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def page(region: str) -> str:
    """The page's HTML, for this region where its address names no other."""
    return _text(_PAGE).replace("{{region}}", escape(region))


@get("/", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def first_page(services: NamedDependency[Services]) -> Response[str]:
    return Response(page(services.settings.region), media_type="text/html", headers=_HEADERS)


@get("/account", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def account_page() -> Response[str]:
    """Where links in mail lead: what they carry stands in the fragment, which never comes here."""
    return Response(_text(_ACCOUNT), media_type="text/html", headers=_HEADERS)


def _part(name: str, media_type: str) -> HTTPRouteHandler:
    @get(f"/ui/{name}", opt=OPEN, include_in_schema=False, sync_to_thread=False)
    def part() -> Response[str]:
        return Response(_text(name), media_type=media_type, headers=_HEADERS)

    return part


# All of them open: what they show, the API gives to a token.
HANDLERS: Final = (first_page, account_page, *(_part(name, kind) for name, kind in _PARTS.items()))
