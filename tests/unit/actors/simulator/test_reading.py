"""A malformed scenario is refused with its file, its line and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.simulator import FileRefused, load, simulate
from actors.simulator.reading import LONGEST_S
from tests.unit.actors.simulator.folder import CALLS, PLAIN, SETTINGS, write

LOCATIONS = PLAIN["locations.csv"]
PAIRS = "".join(f"{a},{b},9\n" for a in "abcd" for b in "abcd" if a != b)
TRAVEL = "from,to,seconds\n"


def with_line(name: str, number: int, line: str) -> str:
    lines = PLAIN[name].splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def call(**changes: str) -> str:
    """calls.csv whose third line differs in these columns."""
    names = CALLS.strip().split(",")
    row = {
        **dict(zip(names, PLAIN["calls.csv"].splitlines()[2].split(","), strict=True)),
        **changes,
    }
    return with_line("calls.csv", 3, ",".join(row[name] for name in names))


# file, its text (None: missing), the line that is named, a part of what was expected
REFUSED: list[tuple[str, str | None, int | None, str]] = [
    ("scenario.toml", None, None, "this file"),
    ("scenario.toml", "name = \n", 1, "TOML"),
    ("scenario.toml", SETTINGS + "x = [1\n", 5, "TOML"),
    ("scenario.toml", "name = ''\nspeed_mps = 1\n", 1, "text"),
    ("scenario.toml", SETTINGS + "colour = 'red'\n", 4, "unknown key 'colour'"),
    ("scenario.toml", SETTINGS + "policy = 'luck'\n", 4, "there are closest_idle"),
    ("scenario.toml", "name = 7\nreturn_speed_factor = 1\n", 1, "text"),
    ("scenario.toml", "name = 'n'\nreturn_speed_factor = '1'\n", 2, "return_speed_factor"),
    ("scenario.toml", "name = 'n'\nreturn_speed_factor = 0\n", 2, "above 0"),
    ("scenario.toml", "name = 'n'\nreturn_speed_factor = nan\n", 2, "above 0"),
    ("scenario.toml", "name = 'n'\nreturn_speed_factor = true\n", 2, "above 0"),
    ("scenario.toml", "name = 'n'\nreturn_speed_factor = 1\n", None, "speed_mps"),
    ("scenario.toml", SETTINGS.replace("1.0\n", "inf\n"), 2, "above 0"),
    ("scenario.toml", "speed_mps = 1e-10\n", None, "no way takes longer than 1e+12 s"),
    ("scenario.toml", SETTINGS + "targets = 5\n", 4, "table"),
    ("scenario.toml", SETTINGS + "[targets]\np5 = 480\n", 5, "p1, p2, p3 or p4"),
    ("scenario.toml", SETTINGS + "[targets]\np1 = 480\np2 = -1\n", 6, "above 0"),
    ("locations.csv", None, None, "this file"),
    ("locations.csv", "", 1, "header"),
    ("locations.csv", "id,x_m,y_m\n", 1, "at least one"),
    ("locations.csv", "id,x_m,lat\na,1,2\n", 1, "id,x_m,y_m or id,lat,lon"),
    ("locations.csv", "id,x_m,y_m,z\n", 1, "unknown column 'z'"),
    ("locations.csv", "id,id,x_m,y_m\n", 1, "once"),
    ("locations.csv", LOCATIONS + "a,5,5\n", 6, "each id once"),
    ("locations.csv", LOCATIONS + "e,5\n", 6, "3 values, not 2"),
    ("locations.csv", LOCATIONS + "e,5,nan\n", 6, "y_m"),
    ("locations.csv", LOCATIONS + "e,inf,5\n", 6, "x_m"),
    ("locations.csv", LOCATIONS + "e,far,5\n", 6, "x_m"),
    ("locations.csv", LOCATIONS + ",5,5\n", 6, "id"),
    ("locations.csv", LOCATIONS + " e,5,5\n", 6, "spaces"),
    ("locations.csv", LOCATIONS + '"e,5,5\n', 6, "CSV"),
    ("locations.csv", "id,lat,lon\na,90.5,0\n", 2, "lat"),
    ("locations.csv", "id,lat,lon\na,0,-181\n", 2, "lon"),
    ("travel.csv", TRAVEL + PAIRS.replace("c,d,9\n", ""), 13, "'c' to 'd'"),
    ("travel.csv", TRAVEL + PAIRS + "a,b,3\n", 14, "once"),
    ("travel.csv", TRAVEL + PAIRS + "a,z,3\n", 14, "location of locations.csv, not 'z'"),
    ("travel.csv", TRAVEL + "a,b,-1\n", 2, "seconds"),
    ("travel.csv", TRAVEL + "a,b,1_0\n", 2, "seconds"),
    ("travel.csv", TRAVEL + "a,b,1e13\n", 2, "at most 1e+12"),
    ("travel.csv", "from,to\n", 1, "'seconds'"),
    ("units.csv", None, None, "this file"),
    ("units.csv", "id,base\n", 1, "at least one unit"),
    ("units.csv", "id,base\nu,z\n", 2, "base"),
    ("units.csv", "id,base\nu,a\nu,b\n", 3, "each id once"),
    ("hospitals.csv", "location\nq\n", 2, "location"),
    ("hospitals.csv", "location\na\na\n", 3, "once"),
    ("calls.csv", None, None, "this file"),
    ("calls.csv", call(id="k1"), 3, "each id once"),
    ("calls.csv", call(at_s="-5"), 3, "at_s"),
    ("calls.csv", call(at_s="9"), 4, "order"),
    ("calls.csv", call(at_s=""), 3, "at_s"),
    ("calls.csv", call(at_s="1e18"), 3, "at_s to be a finite number of at least 0 and at most"),
    ("calls.csv", call(location="z"), 3, "location"),
    ("calls.csv", call(priority="5"), 3, "1, 2, 3 or 4"),
    ("calls.csv", call(priority="1.0"), 3, "1, 2, 3 or 4"),
    ("calls.csv", call(on_scene_s="-0.5"), 3, "on_scene_s"),
    ("calls.csv", call(on_scene_s="1.1e12"), 3, "at most 1e+12"),
    ("calls.csv", call(transport="1", handover_s="1e13"), 3, "handover_s"),
    ("calls.csv", call(transport="yes"), 3, "0 or 1"),
    ("calls.csv", call(handover_s=""), 3, "handover_s"),
    ("calls.csv", CALLS.replace("\n", ",needs\n") + "k,0,a,1,1,0,0,rope\n", 2, "some unit has"),
]


@pytest.mark.parametrize(("file", "text", "line", "expected"), REFUSED)
def test_refuses(
    file: str, text: str | None, line: int | None, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused) as refused:
        load(write(tmp_path, {file: text}))
    assert (refused.value.file, refused.value.line) == (file, line)
    assert expected in refused.value.expected
    assert str(refused.value).startswith(file)


def test_a_call_with_transport_and_no_hospital_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"calls\.csv, line 3: expected a hospital"):
        load(write(tmp_path, {"hospitals.csv": None}))


def test_the_longest_times_that_are_accepted_are_played_to_their_end(tmp_path: Path) -> None:
    last = f"{LONGEST_S!r}"
    lines = [f"k{n},{last},b,1,{last},1,{last}\n" for n in range(4)]
    rows = simulate(load(write(tmp_path, {"calls.csv": CALLS + "".join(lines)}))).rows
    assert [row.unit for row in rows] == ["u1", "u2", "u1", "u2"]
    assert rows[3].cleared_s == pytest.approx(5 * LONGEST_S)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    (folder / "units.csv").write_bytes(b"id,base\nu1,a\nu\xff,a\n")
    with pytest.raises(FileRefused, match=r"units\.csv, line 3: expected UTF-8"):
        load(folder)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="expected a folder"):
        load(tmp_path / "nowhere")


def test_byte_order_marks_and_windows_line_ends_are_read_over(tmp_path: Path) -> None:
    plain = load(write(tmp_path / "plain", {}))
    windows = {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in PLAIN.items()}
    other = load(write(tmp_path / "windows", windows))
    assert (other.place_ids, other.units, other.calls) == (
        plain.place_ids,
        plain.units,
        plain.calls,
    )


def test_columns_may_stand_in_any_order_and_lines_may_be_empty(tmp_path: Path) -> None:
    other = {"units.csv": "skills,base,id\nx  y,a,u1\n\n,d,u2\n"}
    units = load(write(tmp_path, other)).units
    assert [(unit.id, unit.base.index, unit.skills) for unit in units] == [
        ("u1", 0, ("x", "y")),
        ("u2", 3, ()),
    ]


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    folder = write(tmp_path / "quiet", {"scenario.toml": "speed_mps = 1\n", "hospitals.csv": None,
                                        "calls.csv": CALLS + "k1,0,b,1,10,0,\n"})  # fmt: skip
    scenario = load(folder)
    assert (scenario.name, scenario.policy) == ("quiet", "closest_idle")
    assert scenario.return_speed_factor == 1.0
    assert (scenario.targets, scenario.hospitals) == ({}, ())


def test_a_matrix_needs_no_way_from_a_place_to_itself(tmp_path: Path) -> None:
    travel = load(write(tmp_path, {"travel.csv": TRAVEL + PAIRS + "b,b,3\n"})).travel
    places = load(write(tmp_path, {})).places
    assert [travel.seconds(place, place) for place in places] == [0.0, 3.0, 0.0, 0.0]


def test_no_skill_stands_for_another_as_it_does_live(tmp_path: Path) -> None:
    needy = CALLS.replace("\n", ",needs\n") + "k1,0,a,1,10,0,0,bls\n"
    files = {"units.csv": "id,base,skills\nu1,a,als\nu2,d,bls\n", "calls.csv": needy}
    assert [row.unit for row in simulate(load(write(tmp_path / "s", files))).rows] == ["u2"]
    files["units.csv"] = "id,base,skills\nu1,a,als\n"
    with pytest.raises(FileRefused, match="needs that some unit has, not 'bls'"):
        load(write(tmp_path / "t", files))


def test_what_it_says_is_what_was_written(tmp_path: Path) -> None:
    settings = SETTINGS + "policy = 'priority'\n[targets]\np1 = 480\np3 = 900.5\n"
    scenario = load(write(tmp_path, {"scenario.toml": settings}))
    assert (scenario.name, scenario.policy) == ("made by hand", "priority")
    assert scenario.targets == {1: 480.0, 3: 900.5}
    assert [scenario.place_ids[place.index] for place in scenario.hospitals] == ["a"]
    assert [(call.id, call.at_s, call.transport) for call in scenario.calls] == [
        ("k1", 0.0, False),
        ("k2", 5.0, True),
        ("k3", 7.5, False),
    ]
    assert scenario.travel.seconds(scenario.places[1], scenario.places[3]) == 200.0
