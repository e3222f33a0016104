"""Paths in place of ids and keys: no file of the machine is read or written by any of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from litestar import Litestar

from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import problem
from tests.integration.web.conftest import Stack, client_of
from web.access.doors import DOORS
from web.app import create_app
from web.ui.controller import HANDLERS as FIRST_PAGE

PATHS: Final = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fetc%252fpasswd",
    "..%5c..%5cwindows%5cwin.ini",
    "%2fetc%2fpasswd",
    "%2fproc%2fself%2fenviron",
    "file:%2f%2f%2fetc%2fpasswd",
    "%00",
    "x%00.json",
    "..;/..;/metrics",
    "%c0%ae%c0%ae%c0%afetc",
    ".",
    "..",
    "%20",
    "a" * 5000,
)
# The files that these paths would lead to.
WANTED: Final = ("passwd", "environ", "win.ini", "etc")
_watching: list[list[str]] = []
_installed: list[bool] = []


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """The paths that this process opens, makes or removes inside."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _watching and event in ("open", "os.mkdir", "os.remove", "os.rename", "os.listdir"):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                _watching[-1].append(os.fsdecode(path))

    if not _installed:  # a hook cannot be taken away again
        sys.addaudithook(hook)
        _installed.append(True)
    _watching.append([])
    try:
        yield _watching[-1]
    finally:
        _watching.pop()


@pytest.fixture(scope="module")
def whole(stack: Stack) -> Litestar:
    """With the pages, whose files lie in a folder."""
    return create_app(stack.services, [*FIRST_PAGE])


def test_files_that_are_opened_are_seen(tmp_path: Path) -> None:
    with opened_files() as files:
        (tmp_path / "seen").write_text("x")
    assert files == [str(tmp_path / "seen")]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
async def test_a_path_in_place_of_an_id_is_nobodys(
    stage: Stage, whole: Litestar, path: str
) -> None:
    headers = {"Authorization": f"Bearer {stage.admin().access_token}"}
    places = {door for door in DOORS if "{" in door[1] or door[1].startswith(("/ui", "/schema"))}
    with opened_files() as files:
        async with client_of(whole) as client:
            for method, template in sorted(places):
                head, brace, tail = template.partition("{")
                # The first parameter, or what follows a page's folder.
                rest = tail.partition("}")[2] if brace else ""
                start = head if brace else template.rpartition("/")[0] + "/"
                for address in (f"{start}{path}", f"{start}{path}{rest}"):
                    if "{" in address:
                        continue
                    answer = await client.request(method, address, headers=headers)
                    assert answer.status_code < 500, (method, address)
                    assert "root:" not in answer.text and "PATH=" not in answer.text
                    assert answer.status_code in (400, 401, 404, 405, 422) or (
                        # What remains of the path is another address, or a body is missing.
                        template in ("/api/dispatch/{region}", "/ui/icon.svg") or "." in path[:2]
                    ), (method, address, answer.status_code)
    assert not [file for file in files if ".." in file or Path(file).name in WANTED]


@pytest.mark.parametrize(
    "region", ["../x", "a/b", "a:b", "a*", "a b", "", "x" * 65, "*", "#", "a\nb", "blr\n"]
)
async def test_a_region_names_a_thing_and_no_place(stage: Stage, region: str) -> None:
    """It becomes part of channel names, of keys in Redis and of an entity's id."""
    admin, patient = stage.admin(), await stage.patient()
    unit = {"name": "Unit", "skills": ["bls"], "vehicle": "ambulance", "phone": "080-555-0101"}
    answer = await admin.post("/api/paramedics", {**unit, "region": region})
    problem(answer, 422, "invalid-body")
    subject = (await patient.get("/api/accounts/me")).json()["subject"]
    record = {"name": "A", "phone": "0805550101", "region": region}
    answer = await patient.call("PUT", f"/api/patients/{subject}", record)
    problem(answer, 422, "invalid-body")


def test_no_pattern_of_the_description_lets_a_last_line_break_pass(
    document: dict[str, Any],
) -> None:
    anchored = {one for one in patterns(document) if one.startswith("^") and one.endswith("$")}
    assert not {one for one in anchored if not one.startswith("^[^")}


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)
    elif isinstance(schema, dict):
        for name, inner in schema.items():
            if name == "pattern" and isinstance(inner, str):
                yield inner
            yield from patterns(inner)
