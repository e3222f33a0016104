"""After all people do here, the log holds nothing of theirs: no secret, no name, no symptom."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from config.logging import configure_logging
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import Api
from tests.integration.web.security.victim import (
    CALL,
    PLANTED,
    RECORD,
    Victim,
    holding,
    strangers,
    victim,
)

REASON = "planted-why: found unconscious at the kerb, need the allergies"
# Libraries of the tests' own side, which say what they were told to send.
CLIENTS = ("httpx", "httpcore", "hypothesis", "schemathesis")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any part says at all, as it is without the filter that redacts by name."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    sink = io.StringIO()
    try:
        configure_logging("debug", "json", sink)
        (handler,) = root.handlers
        handler.filters.clear()  # what is not said needs no hiding
        handler.addFilter(lambda record: record.name.partition(".")[0] not in CLIENTS)
        yield sink
    finally:
        root.handlers, root.level = handlers, level


async def everything(stage: Stage, api: Api) -> tuple[Victim, list[str]]:
    """A whole life of an account and its record, well and badly. What must not be in any log."""
    prey = await victim(stage)
    her, secrets = prey.caller, [*prey.secrets]
    patient = prey.ids["patient_id"]
    await her.enrol()
    assert her.totp is not None
    secrets += [her.totp.secret, *her.recovery_codes]
    for _ in range(2):
        await her.refresh()
        secrets += [her.access_token, her.refresh_token]
    replayed = await her.try_refresh(her.refresh_token[:-1] + "x")
    assert replayed.status_code == 401
    await her.log_in()
    secrets += [her.access_token, her.refresh_token, her.device_token or "", her.email]

    await refused(her, patient)
    for who in (await strangers(stage, api)).values():
        await who.get(f"/api/patients/{patient}", expect=None)
        await who.get("/api/patients?name=Quillfeather&phone=%2B911239874560", expect=None)
    doctor = holding(stage, "doctor", (await api.doctor())["id"])
    path = f"/api/patients/{patient}/break-glass"
    await doctor.post(path, {"reason": REASON}, expect=201)
    secrets.append("planted-why")
    await doctor.get(f"/api/patients/{patient}", expect=200)

    await her.post("/api/accounts/password-reset", {"email": her.email}, expect=202)
    link = (await stage.mailbox.newest(her.email, "reset_password")).token("reset")
    new = "ottoman-larkspur-77-tram"
    body = {"token": link, "password": new}
    confirmation = "/api/accounts/password-reset/confirmation"
    await her.post(confirmation, {**body, "password": "password1"})
    await her.post(confirmation, body, expect=200)
    secrets += [link, new, her.password]
    return prey, [secret for secret in secrets if secret]


async def refused(her: Caller, patient: str) -> None:
    """What is refused is looked at by more code than what is taken."""
    record = f"/api/patients/{patient}"
    for changes in ({"phone": "Quillfeather"}, {"sex": "Quillfeather"}, {"birth_date": 1961}):
        assert (await her.call("PUT", record, {**RECORD, **changes})).status_code == 422
    await her.post(f"{record}/emergency", {**CALL, "answers": {"Quillfeather": "yes"}})
    await her.post("/api/sessions", {"email": her.email, "password": "Quillfeather-wrong-1"})
    await her.get("/api/patients/Quillfeather", expect=404)
    await her.get(f"{record}?name=Quillfeather", expect=None)


async def test_nothing_of_anybodys_is_logged_in_a_whole_life(
    stage: Stage, api: Api, log: io.StringIO
) -> None:
    _, secrets = await everything(stage, api)
    logging.getLogger("web.test").info("the last word")
    written = log.getvalue()
    assert "the last word" in written
    assert len(secrets) > len(PLANTED) + 15
    shown = [secret for secret in secrets if secret in written]
    assert not shown, [line for line in written.splitlines() if shown[0] in line][:3]


async def test_nor_in_the_trail(stage: Stage, api: Api) -> None:
    known = len(stage.trail.entries)
    _, secrets = await everything(stage, api)
    written = "".join(map(repr, stage.trail.entries[known:]))
    assert "account." in written
    assert not [secret for secret in secrets if secret in written]
