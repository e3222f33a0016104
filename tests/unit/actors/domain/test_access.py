"""The table of who may do what."""

from __future__ import annotations

import pytest

from actors.domain.access import RELATIONS, RULES, Facts, channel_facts, may, require, table
from actors.domain.kernel import Sender
from tests.unit.actors.domain.cast import ADMIN, SYSTEM, crew, patient
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import OPS

DOCTOR = Sender("doctor", "d")
FACTS = Facts(patient_id="pat", family=("mum",), crew=("u1",), paramedic_id="u1", doctor_id="d")
EVERYBODY = {
    "the patient": patient(),
    "the family": patient("mum"),
    "another patient": patient("other"),
    "the crew": crew("u1"),
    "another crew": crew("u2"),
    "the doctor": DOCTOR,
    "another doctor": Sender("doctor", "x"),
    "ops": OPS,
    "admin": ADMIN,
    "system": SYSTEM,
}


def who_may(action: str) -> set[str]:
    return {name for name, who in EVERYBODY.items() if may(who, action, FACTS)}


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("patient.view", {"the patient", "the family", "the crew", "ops", "admin"}),
        ("patient.delete", {"admin"}),
        ("emergency.view", {"the patient", "the family", "the crew", "ops", "admin", "system"}),
        ("emergency.cancel", {"the patient", "the family", "ops", "admin", "system"}),
        ("emergency.override_priority", {"ops", "admin"}),
        ("task.answer", {"the crew", "system"}),
        ("task.hand_back", {"the crew", "ops", "admin", "system"}),
        ("dispatcher.message", {"system"}),
        ("emergency.message", {"system"}),
        ("paramedic.message", {"system"}),
        ("doctor.view", {"the doctor", "ops", "admin", "system"}),
        ("subscribe.emergency", {"the patient", "the family", "the crew", "ops", "admin"}),
        ("subscribe.track", {"the patient", "the family", "the crew", "ops", "admin"}),
        ("subscribe.device", {"the crew"}),
        ("subscribe.inbox", {"the doctor"}),
        ("subscribe.fleet", {"ops", "admin"}),
        ("subscribe.ops", {"ops", "admin"}),
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
            assert any(
                RELATIONS[relation](who, Facts())
                for relation in RULES[action]
                if relation in ("system", "admin", "staff") or relation.startswith("any ")
            )


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


def test_the_table_can_be_read() -> None:
    lines = table().splitlines()
    assert len(lines) == len(RULES) + 2
    assert "| `subscribe.device` | paramedic |" in lines
    assert all(relation in RELATIONS for rule in RULES.values() for relation in rule)
