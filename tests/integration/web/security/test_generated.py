"""Whatever the API's description allows or forbids to be sent, as every role: no fault of ours, no
answer that is not described, and nothing of others for those it is none of their business."""

from __future__ import annotations

from typing import Any

import pytest
from schemathesis import Case

from actors.domain.access import could
from tests.integration.web.accounts.stage import Caller, Stage
from tests.integration.web.api import Api
from tests.integration.web.security.generated import as_generated, conforms, is_good
from tests.integration.web.security.generated import planted as planted_in
from tests.integration.web.security.outbound import Outbound
from tests.integration.web.security.victim import Victim, holding, strangers, victim
from web.access.doors import DOORS, OPEN_DOOR
from web.tokens import TokenRole

STRANGERS = ("nobody", "patient", "paramedic", "doctor", "auditor")
STAFF: tuple[TokenRole, ...] = ("ops", "admin")


@pytest.fixture(scope="module")
async def prey(stage: Stage) -> Victim:
    return await victim(stage)


@pytest.fixture(scope="module")
async def cast(stage: Stage, api: Api) -> dict[str, Caller]:
    staff: dict[str, Caller] = {role: holding(stage, role, f"generated-{role}") for role in STAFF}
    return {**await strangers(stage, api), **staff}


def test_every_operation_is_asked(cases: list[Case[Any]]) -> None:
    closed = {door for door in DOORS if door[1].startswith("/api")}
    assert closed <= {(case.method, case.path.rstrip("/")) for case in cases}


# The strangers first: staff may delete what the others must not see.
@pytest.mark.parametrize("role", [*STRANGERS, *STAFF])
async def test_any_request_in_any_role(
    stage: Stage,
    cases: list[Case[Any]],
    cast: dict[str, Caller],
    prey: Victim,
    role: str,
    outbound: Outbound,
) -> None:
    caller = cast[role]
    headers = {"Authorization": f"Bearer {caller.access_token}"} if caller.access_token else {}
    answered: set[int] = set()
    async with stage.client(caller.address) as client:
        for case in cases:
            request = planted_in(case, prey.ids) if is_good(case) else as_generated(case)
            request["headers"] = {**request["headers"], **headers}
            response = await client.request(**request)
            answered.add(response.status_code)
            action = DOORS[case.method, case.path.rstrip("/") or "/"]
            let_in = action == OPEN_DOOR or could(role, action)  # type: ignore[arg-type]  # no open door's
            conforms(case, response, let_in=let_in and response.status_code not in (401, 403, 429))
            if role not in STAFF:
                shown = [text for text in prey.secrets if text in response.text]
                assert not shown, f"{case.method} {response.url} shows {shown}"
    if role == "nobody":
        assert 401 in answered and 200 in answered
    elif role not in STAFF:
        assert {200, 403} <= answered
        await prey.is_herself()
    else:
        assert {200, 404} <= answered
    assert {host for host, _ in outbound.targets if not host.startswith("/")} <= {"127.0.0.1"}
