"""What an export tells of an event: ids, times and steps, and nobody's words or places."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.domain.messages.card import EmergencyCard, UnitStatus
from actors.domain.privacy import PRIVATE
from actors.domain.values import Location, Position
from storage.journal_export import told


def in_json(value: object) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return found


CARD = in_json(
    EmergencyCard(
        emergency="e1",
        revision=3,
        status="raised",
        patient_id="p1",
        priority=2,
        location=Location(37.7, -122.4),
        address="4 Mission St",
        needs=("als",),
        symptoms=("chest pain",),
        raised_at=5.0,
    )
)
UNIT = in_json(
    UnitStatus(
        unit="A",
        revision=1,
        region="city",
        name="Medic Jane Roe",
        status="available",
        free=True,
        skills=("als",),
        vehicle="ambulance",
        position=Position(37.7, -122.4, 4.0),
    )
)


def test_a_card_keeps_what_dispatching_goes_by() -> None:
    event = {"type": "EmergencyQueued", "at": 6.0, "card": CARD}
    card = told("dispatcher", event)["card"]
    assert [card[name] for name in ("emergency", "priority", "needs", "raised_at")] == [
        "e1",
        2,
        ["als"],
        5.0,
    ]
    assert card.keys().isdisjoint({"patient_id", "location", "address", "symptoms"})


def test_of_a_unit_it_says_whether_it_was_seen_and_not_where() -> None:
    kept = told("dispatcher", {"type": "UnitUpdated", "at": 6.0, "unit": UNIT})["unit"]
    assert kept["located"] is True
    assert kept.keys().isdisjoint({"name", "position"})
    unseen = told("dispatcher", {"type": "UnitUpdated", "unit": {**UNIT, "position": None}})
    assert unseen["unit"]["located"] is False


@pytest.mark.parametrize("field", sorted({*PRIVATE, "patient_id", "name", "phone"} - {"needs"}))
def test_what_is_a_patients_own_stays_behind_wherever_it_stands(field: str) -> None:
    inner: dict[str, Any] = {"id": "t1", field: "chest pain"}
    kept = told("paramedic", {"type": "TaskOffered", field: "chest pain", "task": inner})
    assert kept == {"type": "TaskOffered", "task": {"id": "t1"}}


def test_a_reason_is_told_where_it_is_the_systems_own_word() -> None:
    event = {"type": "EmergencyRemoved", "emergency": "e1", "reason": "merged"}
    assert told("dispatcher", event) == event


def test_of_other_entities_only_that_something_happened() -> None:
    event = {"type": "NoteAdded", "at": 1.0, "id": "n1", "task": "t"}
    assert told("consultation", event) == {"type": "NoteAdded", "at": 1.0}
