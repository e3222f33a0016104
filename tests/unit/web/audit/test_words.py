"""The trail in a patient's words."""

from __future__ import annotations

import pytest

from actors.domain.access import RULES
from web.audit.words import ROLES, did, some


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("doctor", "a doctor"),
        ("paramedic", "an ambulance crew"),
        ("auditor", "an auditor"),
        ("system", "MaxRay itself"),
        ("anonymous", "somebody without a login"),
    ],
)
def test_one_of_a_role_has_its_article(role: str, text: str) -> None:
    assert some(ROLES[role]) == text


def test_what_crews_and_the_desk_see_has_its_words() -> None:
    for action in ("task.list", "task.push", "dispatcher.view", "subscribe.patient"):
        assert "did “" not in did(action)
    assert set(RULES) >= {"task.list", "dispatcher.view", "subscribe.patient"}
