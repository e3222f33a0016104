"""The table of who may do what."""

from __future__ import annotations

import pytest

from actors.domain.access import (
    PRINCIPALS,
    RELATIONS,
    RULES,
    Facts,
    by_role_alone,
    channel_facts,
    could,
    may,
    require,
    table,
)
from actors.domain.kernel import Sender, Tie, TieKind
from tests.unit.actors.domain.cast import ADMIN, SYSTEM, crew, patient
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import OPS

DOCTOR = Sender("doctor", "d")
FACTS = Facts(patient_id="pat", crew=("u1",), paramedic_id="u1", doctor_id="d", manager="dad")


def tied(who: Sender, kind: TieKind, patient_id: str = "pat") -> Sender:
    return Sender(who.role, who.subject, (Tie(kind, patient_id),))


EVERYBODY = {
    "the patient": patient(),
    "the family": tied(patient("mum"), "family"),
    "the guardian": tied(patient("gran"), "guardian"),
    "another's family": tied(patient("aunt"), "family", "other"),
    "the invited": patient("dad"),
    "another patient": patient("other"),
    "the crew": crew("u1"),
    "another crew": crew("u2"),
    "a crew that broke the glass": tied(crew("u3"), "break_glass"),
    "another's breaker": tied(crew("u4"), "break_glass", "other"),
    "the doctor": DOCTOR,
    "the asked doctor": tied(Sender("doctor", "y"), "consultation"),
    "a doctor that broke the glass": tied(Sender("doctor", "z"), "break_glass"),
    "another doctor": Sender("doctor", "x"),
    "ops": OPS,
    "admin": ADMIN,
    "auditor": Sender("auditor", "aud"),
    "system": SYSTEM,
}
STAFF = {"ops", "admin"}
FAMILY = {"the patient", "the family", "the guardian"}
BREAKERS = {"a crew that broke the glass", "a doctor that broke the glass"}


def who_may(action: str) -> set[str]:
    return {name for name, who in EVERYBODY.items() if may(who, action, FACTS)}


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("patient.view", FAMILY | {"the crew", "the asked doctor"} | BREAKERS | STAFF),
        ("patient.history", FAMILY | {"the crew", "the asked doctor"} | BREAKERS | STAFF),
        ("patient.update", FAMILY | STAFF),
        ("patient.delete", {"admin"}),
        ("patient.access_log", {"the patient", "the guardian", "auditor"}),
        ("family.list", FAMILY | {"admin"}),
        ("family.invite", {"the patient", "the guardian"}),
        ("family.accept", {"the invited"}),
        ("family.end", {"the patient", "the guardian", "the invited", "admin"}),
        ("patient.close_break_glass", BREAKERS),
        ("break_glass.list", {"admin", "auditor"}),
        ("break_glass.review", {"admin", "auditor"}),
        (
            "emergency.view",
            FAMILY | {"the crew", "the asked doctor", "system"} | BREAKERS | STAFF,
        ),
        ("emergency.raise", FAMILY | STAFF | {"system"}),
        ("emergency.cancel", FAMILY | STAFF | {"system"}),
        ("emergency.override_priority", STAFF),
        ("task.answer", {"the crew", "system"}),
        ("task.hand_back", {"the crew", "system"} | STAFF),
        ("dispatcher.message", {"system"}),
        ("emergency.message", {"system"}),
        ("paramedic.message", {"system"}),
        ("doctor.view", {"the doctor", "system"} | STAFF),
        ("doctor.request_consultation", FAMILY | STAFF | {"system"}),
        ("audit.list", {"auditor", "admin"}),
        ("account.own", set(EVERYBODY) - {"system"}),
        ("token.issue", {"admin"}),
        ("subscribe.emergency", FAMILY | {"the crew"} | BREAKERS | STAFF),
        ("subscribe.track", FAMILY | {"the crew"} | BREAKERS | STAFF),
        ("subscribe.patient", FAMILY),
        ("subscribe.device", {"the crew"}),
        ("subscribe.inbox", {"the doctor"}),
        ("subscribe.fleet", STAFF),
        ("subscribe.ops", STAFF),
    ],
)
def test_exactly_these_may(action: str, who: set[str]) -> None:
    assert who_may(action) == who


def test_an_action_that_is_not_in_the_table_is_nobodys() -> None:
    assert who_may("subscribe.everything") == set()


@pytest.mark.parametrize("action", RULES)
def test_without_facts_only_roles_that_need_none_may(action: str) -> None:
    for who in EVERYBODY.values():
        if may(who, action):
            assert by_role_alone(who.role, action)


@pytest.mark.parametrize("action", RULES)
def test_who_may_could_and_who_could_not_may_never(action: str) -> None:
    for who in EVERYBODY.values():
        assert could(who.role, action) or not may(who, action, FACTS)
        assert may(who, action, FACTS) or not by_role_alone(who.role, action)


def test_the_same_subject_in_another_role_is_somebody_else() -> None:
    assert not may(Sender("doctor", "pat"), "emergency.view", FACTS)
    assert not may(Sender("patient", "u1"), "task.answer", FACTS)


def test_a_refusal_names_the_role_and_the_action_and_nothing_else() -> None:
    with refused("forbidden"):
        require(patient("other"), "emergency.view", FACTS)
    require(patient(), "emergency.view", FACTS)


def test_a_channels_name_says_whose_it_is() -> None:
    assert may(crew("u1"), *channel_facts("device:u1"))
    assert not may(crew("u1"), *channel_facts("device:u2"))
    assert may(DOCTOR, *channel_facts("inbox:d"))
    assert not may(DOCTOR, *channel_facts("inbox:x"))
    assert may(OPS, *channel_facts("ops:north"))
    assert not may(patient(), *channel_facts("fleet:north"))


def test_an_emergencys_channel_is_open_to_its_people_while_they_are_that() -> None:
    for channel in ("emergency:e", "track:e"):
        assert may(patient(), *channel_facts(channel, patient_id="pat"))
        assert may(crew("u1"), *channel_facts(channel, patient_id="pat", crew=("u1",)))
        assert not may(crew("u1"), *channel_facts(channel, patient_id="pat"))
        assert not may(patient(), *channel_facts(channel))


def test_a_patients_channel_is_the_patients_and_the_familys() -> None:
    asked = channel_facts("patient:pat")
    assert may(patient(), *asked)
    assert may(EVERYBODY["the family"], *asked)
    assert not may(EVERYBODY["another's family"], *asked)
    assert not may(OPS, *asked)


def test_the_table_can_be_read() -> None:
    lines = table().splitlines()
    shown = [rule for rule in RULES if any(could(role, rule) for role in PRINCIPALS)]
    assert len(lines) == len(shown) + 2
    assert "| subscribe | `device` | — | — | own | — | — | — | — |" in lines
    assert (
        "| patient | `view` | own | family | crew, break-glass | consultation, break-glass "
        "| all | all | — |"
    ) in lines
    assert all(relation in RELATIONS for rule in RULES.values() for relation in rule)
