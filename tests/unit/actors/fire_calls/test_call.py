"""Calls: their class, what was done for them, and how their callers answer."""

from __future__ import annotations

import pytest

from actors.domain.triage import triage
from actors.fire_calls.call import LOOKED_FOR_S, TURNAROUND_S, Call, Service, answers_for
from actors.fire_calls.export import read
from tests.unit.actors.fire_calls.export_file import export


def only(*changes: dict[str, str]) -> Call:
    (call,) = read(export(*changes), "calls.csv").calls
    return call


@pytest.mark.parametrize("priority", [1, 2, 3, 4])
def test_triage_puts_a_caller_into_the_class_meant(priority: int) -> None:
    assert triage(answers_for(priority)).priority == priority


@pytest.mark.parametrize(
    ("final", "original", "type_", "priority"),
    [
        ("3", "E", "Medical Incident", 1),
        ("3", "3", "Medical Incident", 2),
        ("3", "3", "Alarms", 3),
        ("2", "2", "Medical Incident", 3),
        ("2", "2", "Alarms", 4),
        ("1", "1", "Medical Incident", 3),
    ],
)
def test_the_class_follows_from_priority_and_type(
    final: str, original: str, type_: str, priority: int
) -> None:
    call = only({"Final Priority": final, "Original Priority": original, "Call Type": type_})
    assert call.priority == priority


def test_a_transport_is_played_as_long_as_it_took() -> None:
    assert only({}).service == Service(on_scene_s=1200, transport=True, hospital_s=1800)


def test_treated_on_scene_ends_there() -> None:
    call = only({"Transport DtTm": "", "Hospital DtTm": ""})
    assert call.service == Service(on_scene_s=65 * 60.0)


def test_the_first_ambulance_counts_though_an_engine_was_there_before() -> None:
    engine = {
        "Unit ID": "E07",
        "Unit Type": "ENGINE",
        "On Scene DtTm": "04/10/2020 12:05:00 PM",
        "Transport DtTm": "",
        "Hospital DtTm": "",
    }
    late = {"Unit ID": "86", "On Scene DtTm": "04/10/2020 12:20:00 PM"}
    assert only(engine, late, {}).service == Service(
        on_scene_s=1200, transport=True, hospital_s=1800
    )


def test_without_an_ambulance_the_first_unit_counts() -> None:
    engine = {
        "Unit ID": "E07",
        "Unit Type": "ENGINE",
        "Transport DtTm": "",
        "Hospital DtTm": "",
        "Available DtTm": "04/10/2020 12:25:00 PM",
    }
    call = only(engine, {"On Scene DtTm": ""})
    assert call.service == Service(on_scene_s=900)
    assert not call.imputed


def test_where_nobody_arrived_the_service_is_made_up_and_says_so() -> None:
    call = only({"On Scene DtTm": "", "Transport DtTm": "", "Hospital DtTm": ""})
    assert call.imputed
    assert call.service == Service(on_scene_s=LOOKED_FOR_S)


def test_hospital_before_transport_counts_from_the_later() -> None:
    call = only({"Hospital DtTm": "04/10/2020 12:29:00 PM"})
    assert call.service.hospital_s == 45 * 60


def test_an_unknown_end_at_the_hospital_takes_the_usual_turnaround() -> None:
    assert only({"Available DtTm": ""}).service.hospital_s == TURNAROUND_S
    assert only({"Hospital DtTm": ""}).service.hospital_s == TURNAROUND_S


def test_no_service_takes_less_than_nothing() -> None:
    call = only({"Available DtTm": "04/10/2020 12:40:00 PM"})
    assert call.service.hospital_s == 0
