"""`maxray scenario` makes what `maxray simulate` plays, and says what it cannot use."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from actors.simulator import load
from tests.unit.actors.fire_calls.export_file import export
from web.cli.commands import maxray
from web.cli.exits import Exit


def run(*words: object) -> Result:
    return CliRunner().invoke(maxray, [str(word) for word in words])


def test_a_made_up_city_with_streets_is_played_and_compared(tmp_path: Path) -> None:
    city, report = tmp_path / "city", tmp_path / "report"
    small = ("--hours", 4, "--units", 4, "--stations", 2, "--size-km", 4)
    made = run("scenario", "generate", "--out", city, "--seed", 2, *small, "--roads")
    assert (made.exit_code, "travel between" in made.output) == (Exit.OK, True)
    noon = (city / "travel.csv").read_bytes()
    files = [f"--{name}={city / 'roads' / name}.csv" for name in ("nodes", "arcs", "hours")]
    assert run("scenario", "roads", *files, "--into", city, "--hour", 17).exit_code == Exit.OK
    assert (city / "travel.csv").read_bytes() != noon
    played = run(
        "simulate", city, "--compare", "closest_idle,priority", "--seeds", 2, "--report", report
    )
    assert played.exit_code == Exit.OK, played.output
    assert "Default: " in played.output
    result = tmp_path / "result.csv"
    hourly = run("simulate", city, "--roads", city / "roads", "--out", result)
    assert hourly.exit_code == Exit.OK, hourly.output
    assert len(result.read_text().splitlines()) == 1 + len(load(city).calls)
    names = sorted(file.name for file in report.iterdir())
    assert names == ["gap.png", "means.png", "report.html", "responses.png"]


def test_streets_of_another_city_are_refused(tmp_path: Path) -> None:
    city = tmp_path / "city"
    run("scenario", "generate", "--out", city, "--seed", 1, "--hours", 2, "--size-km", 3)
    (tmp_path / "nodes.csv").write_text("id,x,y\na,90000,0\nb,91000,0\n")
    (tmp_path / "arcs.csv").write_text("from,to,metres,speed_mps\na,b,1000,10\n")
    files = [f"--{name}={tmp_path / name}.csv" for name in ("nodes", "arcs")]
    refused = run("scenario", "roads", *files, "--into", city)
    assert (refused.exit_code, "nodes.csv" in refused.output) == (Exit.USAGE, True)
    assert not (city / "travel.csv").exists()


def test_recorded_days_become_a_folder_each(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    next_day = {
        "Call Number": "101",
        "Received DtTm": "04/11/2020 12:30:00 AM",
        "Dispatch DtTm": "04/11/2020 12:31:00 AM",
    }
    file.write_text("".join(export({}, next_day)))
    made = run("scenario", "from-calls", file, "--out", tmp_path / "days", "--by-day")
    assert made.exit_code == Exit.OK, made.output
    assert "dirty rows" in made.output
    days = sorted((tmp_path / "days").iterdir())
    assert [day.name for day in days] == ["2020-04-10", "2020-04-11"]
    assert [load(day).calls[0].at_s for day in days] == [12 * 3600, 1800]


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("a,b\n1,2\n")
    refused = run("scenario", "from-calls", file, "--out", tmp_path / "out")
    assert (refused.exit_code, "no column" in refused.output) == (Exit.USAGE, True)
    assert not (tmp_path / "out").exists()
