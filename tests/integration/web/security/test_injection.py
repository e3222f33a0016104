"""Line breaks and the like in whatever is sent: nothing becomes a header, a line of the log or a
line of a letter that nobody wrote."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import pytest

from config.logging import configure_logging
from config.settings import LogFormat
from storage.mail import MailRow
from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import EMERGENCY, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.security.conftest import PUBLIC_URL
from tests.integration.web.security.victim import RECORD
from web.mail.mailer import opened

MARK: Final = "planted-by-a-stranger"
BREAKS: Final = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "%0d%0a")
# As many at a time as a name has room for.
SOME: Final = (BREAKS[:3], BREAKS[3:6], BREAKS[6:])
FORGED_LINE: Final = f"00:00:00 INFO    web.access: {MARK}"
FORGED_HEADER: Final = f"X-Forged: {MARK}"
_STAMP: Final = re.compile(r"\d\d:\d\d:\d\d [A-Z]+ +[\w.-]+: ")


@contextmanager
def logged(form: LogFormat) -> Iterator[io.StringIO]:
    """What the processes of the service would write, with all that they say."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # or pytest's own would be closed
    sink = io.StringIO()
    try:
        configure_logging("debug", form, sink)
        root.handlers[0].addFilter(lambda record: not record.name.startswith("httpx"))  # the client
        yield sink
    finally:
        root.handlers, root.level = handlers, level


async def said(stage: Stage, text: str) -> None:
    """The text, wherever a stranger and a patient may say something."""
    stranger, patient = stage.stranger(), await stage.patient()
    for headers in (
        {b"x-request-id": text.encode()},
        {b"user-agent": text.encode()},
        {b"idempotency-key": text.encode()},
        {b"authorization": b"Bearer " + text.encode()},
        {b"host": text.encode()},
        {b"x-forwarded-for": text.encode()},
        {b"content-type": text.encode()},
    ):
        async with stage.client("10.8.8.8") as client:
            for method, path in (("GET", "/api/patients"), ("POST", "/api/sessions")):
                answer = await client.request(method, path, headers=list(headers.items()))
                untouched(answer.headers.raw, answer.text)
    quoted = quote(text, safe="")
    for path in (f"/api/patients/{quoted}", f"/{quoted}", f"/api/dispatch/{quoted}"):
        async with stage.client("10.8.8.8") as client:
            untouched((await client.get(path)).headers.raw, "")
    patient.device = "phone"
    me = (await patient.get("/api/accounts/me")).json()["subject"]
    body = {**RECORD, "name": f"A{text}", "address": f"B{text}"}
    await patient.call("PUT", f"/api/patients/{me}", body, expect=200)
    call = {**EMERGENCY, "symptoms": [f"C{text}"], "address": f"D{text}"}
    await patient.post(f"/api/patients/{me}/emergency", call, expect=201)
    await stranger.post("/api/sessions", {"email": text, "password": text})
    await stranger.post("/api/accounts/password-reset", {"email": f"x{text}@example.org"})
    await stranger.post("/api/sessions/refresh", {"refresh_token": text})


def untouched(headers: list[tuple[bytes, bytes]], body: str) -> None:
    for name, value in headers:
        assert name.lower() != b"x-forged"
        assert b"\r" not in value and b"\n" not in value and MARK.encode() not in value


@pytest.mark.parametrize("form", ["json", "console"])
async def test_nothing_that_is_sent_writes_a_line_of_the_log(stage: Stage, form: LogFormat) -> None:
    with logged(form) as sink:
        for some in SOME:
            await said(stage, "x" + "".join(f"{one}{FORGED_LINE}" for one in some))
        logging.getLogger("web.test").info("the last word")
    lines = sink.getvalue().splitlines()
    assert any("the last word" in line for line in lines)
    for line in lines:
        if form == "json":
            assert json.loads(line)["logger"] != "web.access"
        else:
            assert _STAMP.match(line), line
        assert MARK not in line


async def test_nothing_that_is_sent_becomes_a_header_of_the_answer(stage: Stage) -> None:
    for some in SOME:
        await said(stage, "x" + "".join(f"{one}{FORGED_HEADER}{one}{one}<b>" for one in some))


@pytest.mark.parametrize("line_break", ["\n", "\r", "\x1b[2K\x1b[1G"])
async def test_what_an_administrator_types_writes_no_line_of_a_terminal_either(
    stage: Stage, stack: Stack, line_break: str
) -> None:
    with logged("console") as sink:
        body = {"role": "ops", "subject": f"x{line_break}{FORGED_LINE}"}
        await stage.admin().post("/api/tokens", body)
    assert not [c for c in sink.getvalue() if not c.isprintable() and c != "\n"]
    assert not [line for line in sink.getvalue().splitlines() if line.startswith(FORGED_LINE)]


async def all_letters(stage: Stage, stack: Stack) -> list[tuple[str, bytes]]:
    await stage.mailbox.letters("")  # those that were only asked for are written
    connection = await asyncpg.connect(stack.database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, kind, sealed, created_at, expires_at FROM mail "
            "WHERE state = 'queued' ORDER BY xmin::text::bigint, ctid"
        )
    finally:
        await connection.close()
    envelopes = [opened(MailRow(**dict(row)), stack.services.vault) for row in rows]
    return [(envelope.recipient, envelope.message) for envelope in envelopes]


@pytest.mark.parametrize("line_break", BREAKS)
async def test_no_letter_is_sent_where_or_as_a_stranger_says(
    stage: Stage, stack: Stack, line_break: str
) -> None:
    before = len(await all_letters(stage, stack))
    wanted = f"x{line_break}Bcc: {MARK}@example.org{line_break}{line_break}{MARK}"
    stranger = stage.stranger(device="".join(c for c in wanted if c.isprintable() and c.isascii()))
    victim = somebody()
    password = "larkspur-tram-ottoman-41"
    for email in (f"{victim}{wanted}", f"{victim}, {MARK}@example.org", f"<{victim}>,{MARK}@x.y"):
        body = {"email": email, "password": password, "name": "A", "phone": "0805550101"}
        problem(await stranger.post("/api/accounts", body), 422, "invalid-body")
        await stranger.post("/api/accounts/password-reset", {"email": email}, expect=202)
        body = {"email": email, "role": "ops"}
        problem(await stage.admin().post("/api/accounts/invitations", body), 422, "invalid-body")
    assert len(await all_letters(stage, stack)) == before

    caller = stage.stranger()
    caller.email = victim
    await caller.sign_up(name=f"A{wanted}")
    (to, message) = (await all_letters(stage, stack))[-1]
    parsed: Any = message_from_bytes(message, policy=default)
    assert to == victim and parsed["To"] == victim
    assert parsed["Bcc"] is None and parsed["Cc"] is None
    assert MARK.encode() not in message


async def test_a_new_devices_letter_shows_what_the_device_said_and_obeys_none_of_it(
    stage: Stage, stack: Stack
) -> None:
    caller = await stage.patient()
    await stage.clock.advance(7200.0)
    caller.device_token = None
    headers = [
        (b"user-agent", f"<b onclick=x>{MARK}</b>\r\nBcc: {MARK}@example.org".encode()),
        (b"host", b"evil.example.net"),
        (b"x-forwarded-host", b"evil.example.net"),
        (b"x-forwarded-for", f"{MARK}\r\n1.2.3.4".encode()),
    ]
    body = {"email": caller.email, "password": caller.password}
    async with stage.client("10.7.7.7") as client:
        answer = await client.post("/api/sessions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    to, message = (await all_letters(stage, stack))[-1]
    parsed: Any = message_from_bytes(message, policy=default)
    assert to == caller.email and parsed["Bcc"] is None
    html = parsed.get_body(("html",)).get_content()
    assert "onclick=x" not in html or "<b onclick" not in html
    assert b"evil.example.net" not in message


async def test_links_in_letters_begin_with_our_own_address_whatever_host_was_asked(
    stage: Stage, stack: Stack
) -> None:
    caller = await stage.patient()
    headers = {
        "Host": "evil.example.net",
        "X-Forwarded-Host": "evil.example.net",
        "Forwarded": "host=evil.example.net",
        "Origin": "https://evil.example.net",
        "Referer": "https://evil.example.net/",
    }
    async with stage.client("10.7.7.8") as client:
        await client.post(
            "/api/accounts/password-reset", json={"email": caller.email}, headers=headers
        )
    letter = await stage.mailbox.newest(caller.email, "reset_password")
    assert f"{PUBLIC_URL}/account#" in letter.text
    assert "evil.example.net" not in letter.text


async def test_the_trail_keeps_ids_and_codes_and_nothing_that_was_typed(
    stage: Stage, stack: Stack
) -> None:
    await said(stage, f"x\n{FORGED_LINE}")
    await noted(stage.stranger())
    assert not [entry for entry in stage.trail.entries if MARK in repr(entry)]
    connection = await asyncpg.connect(stack.database_url)
    try:
        shown = await connection.fetchval(
            "SELECT count(*) FROM audit_access a WHERE a::text LIKE '%' || $1 || '%'", MARK
        )
        kept = await connection.fetchval("SELECT count(*) FROM audit_access")
    finally:
        await connection.close()
    assert kept > 0 and shown == 0


async def noted(caller: Caller) -> None:
    """A login that fails leaves a line."""
    await caller.post("/api/sessions", {"email": f"{MARK}@example.org", "password": MARK})
