"""The reader of the public export: what it takes, what it counts, what it refuses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from actors.domain.values import Location
from actors.fire_calls.errors import ExportRefused
from actors.fire_calls.export import ZONE, Window, parse_time, read, read_file
from tests.unit.actors.fire_calls.export_file import COLUMNS, export

# Beside the checkout where it is at hand; never a part of it.
SAMPLE = Path(__file__).parents[5] / "shared/data/sf_calls_2020-04-07_2020-04-20.csv"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def test_a_row_is_read_by_the_names_of_its_columns() -> None:
    shuffled = tuple(reversed(COLUMNS))
    (row,) = read(export({}, columns=shuffled), "calls.csv").rows
    assert (row.call, row.unit, row.unit_type, row.als, row.station) == (
        "100",
        "85",
        "MEDIC",
        True,
        "07",
    )
    assert row.location == Location(37.75, -122.42)
    assert row.received_at == at("2020-04-10T12:00:00")
    assert row.available_at == at("2020-04-10T13:15:00")


def test_twelve_in_the_night_and_at_noon_are_told_apart() -> None:
    assert parse_time("04/08/2020 12:00:01 AM") == at("2020-04-08T00:00:01")
    assert parse_time("04/08/2020 12:00:01 PM") == at("2020-04-08T12:00:01")
    assert parse_time("04/08/2020 11:59:59 PM") == at("2020-04-08T23:59:59")


def test_times_are_local_in_summer_and_in_winter() -> None:
    assert parse_time("07/01/2020 12:00:00 PM") == parse_time("2020-07-01T19:00:00+00:00")
    assert parse_time("01/01/2020 12:00:00 PM") == parse_time("2020-01-01T20:00:00+00:00")


@pytest.mark.parametrize("text", ["04/08/2020 13:00:00 PM", "02/30/2020 01:00:00 AM", "yesterday"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Received DtTm": ""}, "no Received DtTm"),
        ({"Received DtTm": "soon"}, "unreadable Received DtTm"),
        ({"On Scene DtTm": "04/31/2020 01:00:00 PM"}, "unreadable On Scene DtTm"),
        ({"Location": ""}, "no Location"),
        ({"Location": "(95.0, -122.4)"}, "unreadable Location"),
        ({"Location": "Mission St"}, "unreadable Location"),
        ({"Call Number": ""}, "no Call Number or Unit ID"),
        ({"Unit ID": ""}, "no Call Number or Unit ID"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_and_counted(
    change: dict[str, str], reason: str
) -> None:
    record = read(export(change, {"Call Number": "101"}), "calls.csv")
    assert [row.call for row in record.rows] == ["101"]
    assert record.dirty == {reason: 1}
    assert record.skipped == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Response DtTm": ""}, "no Response"),
        ({"On Scene DtTm": "", "Transport DtTm": "", "Hospital DtTm": ""}, "no On Scene"),
        ({"Available DtTm": ""}, "no Available"),
        ({"Hospital DtTm": "04/10/2020 12:29:00 PM"}, "Hospital before Transport"),
        ({"Final Priority": "1"}, "unknown Final Priority"),
    ],
)
def test_an_odd_row_is_used_and_counted(change: dict[str, str], reason: str) -> None:
    record = read(export(change), "calls.csv")
    assert len(record.calls) == 1
    assert record.dirty == {reason: 1}
    assert record.skipped == 0


def test_a_row_cut_short_is_left_out() -> None:
    lines = export({}, {"Call Number": "101"})
    lines[-1] = lines[-1][:40]
    record = read(lines, "calls.csv")
    assert [row.call for row in record.rows] == ["100"]
    assert record.dirty == {"row cut short": 1}


def test_a_repeated_row_counts_once() -> None:
    record = read(export({}, {}), "calls.csv")
    assert len(record.rows) == 1
    assert record.dirty == {"repeated row of a unit": 1}


def test_the_newer_exports_name_and_write_the_place_otherwise() -> None:
    columns = tuple("case_location" if name == "Location" else name for name in COLUMNS)
    lines = export({"case_location": "POINT (-122.42 37.75)"}, columns=columns)
    (row,) = read(lines, "calls.csv").rows
    assert row.location == Location(37.75, -122.42)


def test_a_missing_column_is_named() -> None:
    columns = tuple(name for name in COLUMNS if name not in ("Unit ID", "Location"))
    with pytest.raises(ExportRefused, match=r"calls\.csv: no column 'Unit ID', 'Location'; exp"):
        read(export({}, columns=columns), "calls.csv")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ExportRefused, match="no column"):
        read([], "calls.csv")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes(b"\xff\xfe\x00\x81" * 100)
    with pytest.raises(ExportRefused, match="cannot be read"):
        read_file(file)


def test_a_window_takes_its_start_and_not_its_end() -> None:
    lines = export(
        {"Call Number": "1", "Received DtTm": "04/10/2020 11:59:59 AM"},
        {"Call Number": "2", "Received DtTm": "04/10/2020 12:00:00 PM"},
        {"Call Number": "3", "Received DtTm": "04/10/2020 12:59:59 PM", "Response DtTm": ""},
        {"Call Number": "4", "Received DtTm": "04/10/2020 01:00:00 PM", "Response DtTm": ""},
    )
    window = Window(at("2020-04-10T12:00:00"), at("2020-04-10T13:00:00"))
    record = read(lines, "calls.csv", window)
    assert [call.id for call in record.calls] == ["2", "3"]
    assert record.dirty["no Response"] == 1  # of the window's rows only


@pytest.mark.skipif(not SAMPLE.exists(), reason="the public sample is not at hand")
def test_the_public_sample_is_read_as_it_is_known_to_be() -> None:
    record = read_file(SAMPLE)
    assert (len(record.rows), len(record.calls)) == (10_410, 5_292)
    assert len({row.unit for row in record.rows}) == 199
    assert record.skipped == 0
    assert record.dirty["no On Scene"] == 1_716
    assert record.dirty["no Response"] == 203
    assert record.dirty["Hospital before Transport"] == 13
    assert record.dirty["no Available"] == 2
    minutes: dict[int, int] = {}
    hours: dict[int, int] = {}
    for call in record.calls:
        minutes[int(call.received_at // 60)] = minutes.get(int(call.received_at // 60), 0) + 1
        hours[int(call.received_at // 3600)] = hours.get(int(call.received_at // 3600), 0) + 1
    assert (max(hours.values()), max(minutes.values())) == (39, 8)
