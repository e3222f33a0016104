"""The public record as scenarios: priorities, units, times and speed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actors.fire_calls.export import ZONE, Record, parse_time, read
from actors.simulator.calibration import calibrate
from actors.simulator.duty import on_duty, posts_of, shifts_of
from actors.simulator.from_calls import Choices, city_of, days, scenario_of, start_of_day
from actors.simulator.writer import Draft, write
from tests.unit.actors.fire_calls.export_file import export

NOON = parse_time("04/10/2020 12:00:00 PM")


def record(*changes: dict[str, str]) -> Record:
    numbered = ({"Call Number": str(100 + n), **change} for n, change in enumerate(changes))
    return read(export(*numbered), "calls.csv")


def drafted(*changes: dict[str, str], choices: Choices | None = None) -> Draft:
    city = city_of(record(*changes), choices or Choices())
    return scenario_of(city, "a day", start_of_day(city.calls[0].received_at), float("inf"))


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, ZONE).strftime("%m/%d/%Y %I:%M:%S %p")


def test_a_call_keeps_its_time_its_place_and_what_was_done_for_it() -> None:
    (call,) = drafted({}).calls
    assert (call.id, call.at_s, call.priority) == ("100", 12 * 3600.0, 1)
    assert (call.on_scene_s, call.transport, call.handover_s) == (1200.0, True, 1800.0)


@pytest.mark.parametrize(("final", "priority"), [("3", 1), ("2", 2), ("1", 3), ("", 3)])
def test_the_final_priority_is_the_class(final: str, priority: int) -> None:
    assert drafted({"Final Priority": final}).calls[0].priority == priority


def test_the_classes_can_be_those_of_the_replay() -> None:
    (call,) = drafted({"Original Priority": "2"}, choices=Choices(classes="triage")).calls
    assert call.priority == 2


def test_calls_without_an_ambulance_are_left_out_and_counted() -> None:
    city = city_of(record({}, {"Unit Type": "ENGINE", "Unit ID": "E7"}), Choices())
    assert ([call.id for call in city.calls], city.unserved) == (["100"], 1)
    assert [unit.id for unit in city.units] == ["85"]
    with pytest.raises(ValueError, match="no call had a unit of type TRUCK"):
        city_of(record({}), Choices(types=frozenset({"TRUCK"})))


def test_near_places_become_one() -> None:
    near = drafted({"Location": "(37.75, -122.42)"}, {"Location": "(37.7501, -122.4201)"})
    far = drafted({"Location": "(37.75, -122.42)"}, {"Location": "(37.76, -122.42)"})
    assert len({call.location for call in near.calls}) == 1
    assert len({call.location for call in far.calls}) == 2
    for draft in (near, far):
        used = {call.location for call in draft.calls} | set(draft.hospitals)
        assert used | {unit.base for unit in draft.units} == {place.id for place in draft.places}


def test_a_day_lasts_as_long_as_its_clocks_say() -> None:
    """The 8th of March 2020 had 23 hours in San Francisco: noon was its 12th hour, not its 13th."""
    city = city_of(record({"Received DtTm": "03/08/2020 12:00:00 PM"}), Choices())
    ((name, begins, ends),) = days(city)
    assert (name, ends - begins) == ("2020-03-08", 23 * 3600)
    assert scenario_of(city, name, begins, ends).calls[0].at_s == 11 * 3600


def test_units_on_duty_are_counted_over_shifts_not_over_the_record() -> None:
    """Two units, each busy at both ends of its half of a day, were never there together."""
    lives = [
        {"Unit ID": unit, "Received DtTm": clock(NOON + at), "Dispatch DtTm": clock(NOON + at)}
        | {"Available DtTm": clock(NOON + at + 600)}
        for unit, at in (("85", 0), ("85", 10_000), ("86", 40_000), ("86", 50_000))
    ]
    shifts = shifts_of(record(*lives).rows)
    assert [shift.unit for shift in shifts] == ["85", "86"]
    assert on_duty(shifts, [NOON + 5_000, NOON + 45_000]) == 1
    assert on_duty(shifts, []) == 1


def test_a_unit_stands_where_its_shifts_begin_not_where_it_is_busiest() -> None:
    day = 86_400
    lives = [
        {"Received DtTm": clock(NOON + at), "Dispatch DtTm": clock(NOON + at)}
        | {"Available DtTm": clock(NOON + at + 600), "Station Area": station}
        for at, station in (
            (0, "07"), (900, "01"), (1800, "01"), (day, "07"), (day + 900, "01"), (2 * day, "01"),
        )
    ]  # fmt: skip
    assert posts_of(shifts_of(record(*lives).rows)) == {"85": "07"}


def drives(metres_north: int, seconds: int, number: int) -> list[dict[str, str]]:
    """A unit that is cleared on scene again and again, and drives on to the next at once."""
    rows = []
    for n in range(number):
        left = NOON + timedelta(hours=n).total_seconds()
        lat = 37.70 + (n % 2) * metres_north / 111_195
        rows.append(
            {
                "Received DtTm": clock(left), "Dispatch DtTm": clock(left),
                "Response DtTm": clock(left), "On Scene DtTm": clock(left + seconds),
                "Transport DtTm": "", "Hospital DtTm": "", "Available DtTm": clock(left + 3500),
                "Location": f"({lat:.6f}, -122.42)",
            }
        )  # fmt: skip
    return rows


def test_the_speed_is_that_of_drives_whose_beginning_is_known() -> None:
    found = calibrate(record(*drives(2000, 400, 31)).rows)
    assert found.drives == 30
    assert found.speed_mps == pytest.approx(5.0, rel=1e-3)
    assert found.error_s is not None
    assert found.error_s < 1.0


def test_too_few_drives_are_no_speed() -> None:
    found = calibrate(record(*drives(2000, 400, 10)).rows)
    assert (found.drives, found.error_s) == (0, None)


def test_the_same_record_is_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(drafted({}, {"Unit ID": "86", "Location": "(37.76, -122.41)"}), folder)
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names == ["calls.csv", "hospitals.csv", "locations.csv", "scenario.toml", "units.csv"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
