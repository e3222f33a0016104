"""Who is invited to act for somebody is told by mail, and nobody else learns of them by it."""

from __future__ import annotations

from uuid import uuid4

from tests.integration.web.accounts.stage import Caller, Stage

KIND = "family_invitation"


async def invite(caller: Caller, manager: str) -> str:
    me = (await caller.get("/api/accounts/me")).json()["subject"]
    path = f"/api/patients/{me}/family"
    link: str = (await caller.post(path, {"manager": manager}, expect=201)).json()["id"]
    return link


async def subject(caller: Caller) -> str:
    found: str = (await caller.get("/api/accounts/me")).json()["subject"]
    return found


async def test_the_letter_leads_to_the_invitation_and_names_nobody(stage: Stage) -> None:
    patient, manager = await stage.patient(), await stage.patient()
    link = await invite(patient, await subject(manager))
    assert await invite(patient, await subject(manager)) == link  # asked twice, written to once
    letters = [one for one in await stage.mailbox.letters(manager.email) if one.kind == KIND]
    [letter] = letters
    assert letter.token("family") == link
    assert f"{stage.needs.public_url}/account#" in letter.text
    assert "Asha" not in letter.text and patient.email not in letter.text
    accepted = await manager.post(f"/api/family/{link}/acceptance", expect=200)
    assert accepted.json()["status"] == "active"


async def test_an_invitation_that_is_over_or_for_nobody_is_not_written(stage: Stage) -> None:
    patient, manager = await stage.patient(), await stage.patient()
    withdrawn = await invite(patient, await subject(manager))
    await patient.call("DELETE", f"/api/family/{withdrawn}", expect=204)
    await invite(patient, str(uuid4()))
    assert KIND not in await stage.mailbox.kinds(manager.email)
