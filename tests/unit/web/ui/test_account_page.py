"""The page that letters lead to: served with all its parts, and knows every link that is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from litestar import Litestar
from litestar.testing import TestClient

import web.ui
from storage.accounts.row import LinkPurpose
from web.ui.controller import HANDLERS

FOLDER = Path(web.ui.__file__).parent


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(Litestar([one for one in HANDLERS if one.paths != {"/"}])) as client:
        yield client


def test_it_and_every_part_that_it_names_are_served(client: TestClient[Litestar]) -> None:
    page = client.get("/account")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    named = set(re.findall(r'(?:src|href)="(/[^"]+)"', page.text))
    assert "/ui/account.js" in named
    named |= set(re.findall(r'from "(/[^"]+)"', client.get("/ui/account.js").text))
    assert "/ui/passkey.js" in named
    for path in named:
        assert client.get(path).status_code == 200, path


def test_it_knows_what_every_link_is_for() -> None:
    script = (FOLDER / "account.js").read_text()
    links = re.search(r"const LINKS = \{(.*?)\n\};", script, re.DOTALL)
    assert links is not None
    assert set(re.findall(r"^  (\w+): \[", links[1], re.MULTILINE)) == set(get_args(LinkPurpose))


def test_every_element_that_the_script_looks_for_is_there() -> None:
    script, page = (FOLDER / "account.js").read_text(), (FOLDER / "account.html").read_text()
    looked_for = set(re.findall(r'\$\("#([\w-]+)', script)) | set(
        re.findall(r'on\("([\w-]+)"', script)
    )
    for form, button in re.findall(r'press\("([\w-]+)", "([\w-]+)"', script):
        fields = re.search(rf'<form id="{form}".*?</form>', page, re.DOTALL)
        assert fields is not None and f'name="{button}"' in fields[0], (form, button)
    assert looked_for - set(re.findall(r'id="([\w-]+)"', page)) == set()
