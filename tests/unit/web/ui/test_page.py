"""The first page: whole, and without anything that its own policy forbids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

import web.ui
from config import Settings
from web import tokens
from web.services import Services
from web.ui.controller import HANDLERS, page
from web.ui.link import SUBJECT, TTL_S, page_link

FOLDER = Path(web.ui.__file__).parent


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    # Of all the services the page knows the settings alone.
    nothing: Any = None
    services = Services(
        settings=Settings(region="north"),
        **dict.fromkeys(set(Services.__slots__) - {"settings"}, nothing),
    )
    app = Litestar(
        list(HANDLERS),
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
    )
    with TestClient(app) as client:
        yield client


def test_the_page_names_the_services_region(client: TestClient[Litestar]) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert '<body data-region="north">' in answer.text


def test_every_part_that_is_named_is_served_with_its_type(client: TestClient[Litestar]) -> None:
    named = set(re.findall(r'(?:src|href)="([^"]+)"', client.get("/").text))
    assert len(named) == 3
    imported = set()
    for path in named:
        text = client.get(path).text
        imported |= {f"/ui/{name}" for name in re.findall(r'from "\./([^"]+)"', text)}
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for path in named | imported:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(types[Path(path).suffix])


def test_it_forbids_everything_from_elsewhere(client: TestClient[Litestar]) -> None:
    for path in ("/", "/ui/page.js"):
        policy = client.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_there_is_nothing_inline_or_from_elsewhere() -> None:
    html = page("city")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    for file in FOLDER.iterdir():
        if file.suffix in (".html", ".css", ".js"):
            text = file.read_text()
            assert not re.search(r"https?://|//cdn|@import|innerHTML|eval\(", text), file.name


def test_a_region_cannot_break_out_of_the_page() -> None:
    assert '"><script>' not in page('"><script>')


def test_the_link_carries_a_short_lived_ops_token_that_no_server_sees() -> None:
    secret = "s" * 40
    link = urlsplit(page_link("http://127.0.0.1:8000/", secret, now=1_000.0))
    assert (link.path, link.query) == ("/", "")
    (token,) = parse_qs(link.fragment)["token"]
    who = tokens.verify(secret, token, now=1_000.0)
    assert (who.role, who.subject, who.expires_at) == ("ops", SUBJECT, 1_000.0 + TTL_S)
