"""One whose data nobody of these tests may see, and who tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from uuid import uuid4

from msgspec import Struct

from actors.domain.access import could
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import EMERGENCY, PATIENT, Api
from tests.integration.web.conftest import SECRET
from web import tokens
from web.tokens import TokenRole

# As nothing else in these tests is called.
RECORD: Mapping[str, Any] = {
    **PATIENT,
    "name": "Zarqa Quillfeather",
    "phone": "+911239874560",
    "birth_date": "1961-07-13",
    "address": "7 Wormwood Crescent",
    "upi_id": "zarqa.q@planted",
    "insurance": {
        "provider": "Planted Assurance",
        "policy_number": "PL-90417",
        "valid_until": "2033-03-03",
    },
    "contacts": [{"name": "Ibrahim Quillfeather", "relation": "son", "phone": "+911239874561"}],
}
CALL: Mapping[str, Any] = {
    **EMERGENCY,
    "symptoms": ["planted-haematemesis"],
    "address": "9 Wormwood Crescent",
}
# What of it is told apart from all else wherever it turns up.
PLANTED: tuple[str, ...] = (
    "Quillfeather",
    "1239874560",
    "1239874561",
    "1961-07-13",
    "Wormwood",
    "zarqa.q@planted",
    "Planted Assurance",
    "PL-90417",
    "planted-haematemesis",
)


class Victim(Struct, frozen=True):
    """`ids`: what is hers, by the names that routes have for it."""

    caller: Caller
    ids: Mapping[str, str]

    @property
    def secrets(self) -> tuple[str, ...]:
        caller = self.caller
        return (*PLANTED, caller.email, caller.access_token, caller.refresh_token)

    async def is_herself(self) -> None:
        """Her record is as she wrote it, her session open: nothing was done to either."""
        record = (await self.caller.get(f"/api/patients/{self.ids['patient_id']}")).json()
        assert {name: record[name] for name in ("name", "phone", "address")} == {
            name: RECORD[name] for name in ("name", "phone", "address")
        }
        me = (await self.caller.get("/api/accounts/me")).json()
        assert me["status"] == "active" and me["email"] == self.caller.email
        path = f"/api/emergencies/{self.ids['emergency_id']}"
        assert (await self.caller.get(path)).json()["status"] == "raised"


async def victim(stage: Stage) -> Victim:
    """With an account, a record, an emergency that waits in a region without crews."""
    caller = await stage.patient()
    me = (await caller.get("/api/accounts/me")).json()
    region = f"v-{uuid4().hex[:8]}"
    body = {**RECORD, "region": region, "email": caller.email}
    record = (await caller.call("PUT", f"/api/patients/{me['subject']}", body, expect=200)).json()
    path = f"/api/patients/{record['id']}/emergency"
    emergency = (await caller.post(path, dict(CALL), expect=201)).json()
    ids = {
        "patient_id": record["id"],
        "emergency_id": emergency["id"],
        "account_id": me["id"],
        "session_id": caller.session_id,
        "region": region,
    }
    return Victim(caller, ids)


def holding(stage: Stage, role: TokenRole, subject: str) -> Caller:
    """One with a token that an operator signed."""
    caller = stage.stranger()
    caller.access_token = tokens.issue(SECRET, role, subject, 3600.0, stage.clock.now())
    return caller


def role_for(action: str) -> TokenRole:
    """One whom the door of this action lets in."""
    return next(role for role in get_args(TokenRole) if could(role, action))


async def strangers(stage: Stage, api: Api) -> dict[str, Caller]:
    """Who has nothing to do with the victim, and may see nothing of hers."""
    return {
        "nobody": stage.stranger(),
        "patient": await stage.patient(),
        "paramedic": holding(stage, "paramedic", (await api.paramedic())["id"]),
        "doctor": holding(stage, "doctor", (await api.doctor())["id"]),
        "auditor": holding(stage, "auditor", "planted-auditor"),
    }
