"""The two questions at the door, over every action of the access table."""

from __future__ import annotations

from typing import get_args

import pytest

from actors.domain.access import RULES, Facts, may
from actors.domain.kernel import Sender, Tie, TieKind
from web.auth import gate, permit
from web.problems import ProblemError
from web.tokens import TokenRole


def status_of(caller: Sender, action: str, facts: Facts) -> int:
    try:
        permit(caller, action, "thing", facts)
    except ProblemError as error:
        return error.problem.status
    return 200


@pytest.mark.parametrize("role", get_args(TokenRole))
@pytest.mark.parametrize("action", sorted(RULES))
def test_never_is_403_another_s_is_404_and_one_s_own_is_served(
    role: TokenRole, action: str
) -> None:
    # In every way in which anybody can be somebody's.
    me = Sender(role, "me", tuple(Tie(kind, "me") for kind in get_args(TieKind)))
    own = Facts(patient_id="me", crew=("me",), paramedic_id="me", doctor_id="me", manager="me")
    other = Facts(patient_id="x", crew=("x",), paramedic_id="x", doctor_id="x")
    expected = 200 if may(me, action, own) else 403
    assert status_of(me, action, own) == expected
    assert status_of(me, action, other) in ((200, 404) if expected == 200 else (403,))
    assert (status_of(me, action, other) == 200) == may(me, action, other)


def test_an_action_that_no_rule_names_is_nobodys() -> None:
    for role in get_args(TokenRole):
        with pytest.raises(ProblemError) as refused:
            gate(Sender(role, "me"), "patient.sell")
        assert refused.value.problem.status == 403
