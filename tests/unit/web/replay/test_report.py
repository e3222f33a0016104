"""The last line for machines, the tables, and the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from rich.console import Console

from tests.unit.actors.fire_calls.export_file import export
from web.cli.exits import Exit
from web.replay.cli import replay
from web.replay.clock import VirtualClock
from web.replay.ledger import Engagement, Outcome, Verdict
from web.replay.plot import busy_steps, draw
from web.replay.report import Result, figures_table, last_line, response_table

OUTCOME = Outcome(
    emergency="e1",
    status="closed",
    priority=2,
    unit="A",
    raised_at=0.0,
    assigned_at=0.5,
    on_scene_at=10.0,
)
WHOLE = Result(
    verdict=Verdict(acknowledged=2, assigned=2, lost=(), double=()),
    outcomes=(OUTCOME, replace(OUTCOME, emergency="e2", priority=1)),
    speed=60.0,
    offers={"accepted": 2, "declined": 1, "expired": 3},
    latencies_s=[0.010, 0.020],
    waited=0,
    imputed=1,
    unacknowledged=0,
    reconnects=4,
    gaps=0,
    retries=5,
    positions=100,
    dirty={"no On Scene": 7},
    skipped=0,
    took_s=12.0,
)
CREWS = [
    Engagement(emergency="e1", unit="A", task="t1", began_at=10.0, ended_at=20.0),
    Engagement(emergency="e2", unit="B", task="t2", began_at=15.0),
]


def test_the_last_line_says_it_all() -> None:
    assert last_line(WHOLE) == (
        "replay: calls 2 assigned 2 lost 0 double 0 unacknowledged 0 "
        "declined 1 expired 3 reconnects 4 gaps 0"
    )
    assert WHOLE.good


@pytest.mark.parametrize(
    "bad",
    [
        replace(WHOLE, verdict=replace(WHOLE.verdict, lost=("e1",))),
        replace(WHOLE, verdict=replace(WHOLE.verdict, double=("e1",))),
        replace(WHOLE, unacknowledged=1),
    ],
)
def test_anything_lost_double_or_unacknowledged_is_not_good(bad: Result) -> None:
    assert not bad.good


def test_the_tables_show_virtual_minutes_and_real_milliseconds() -> None:
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(response_table(WHOLE))
        console.print(figures_table(WHOLE))
    text = shown.get()
    assert "10:00" in text  # 10 s at speed 60
    assert "p50 10.0 ms" in text
    assert "no On Scene 7" in text


def test_busy_units_are_counted_over_virtual_time() -> None:
    clock = VirtualClock(1_000.0, 10.0, real=lambda: 0.0, wall=lambda: 10.0)
    assert busy_steps(CREWS, clock, until=2_000.0) == (
        [1_000.0, 1_050.0, 1_100.0, 2_000.0],
        [1, 2, 1, 0],
    )


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    file = tmp_path / "pictures" / "replay.png"
    draw(file, WHOLE, CREWS, VirtualClock(0.0, 60.0, wall=lambda: 0.0))
    assert file.read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    file = tmp_path / "replay.png"
    draw(file, replace(WHOLE, outcomes=()), [], VirtualClock(0.0, 60.0))
    assert file.read_bytes().startswith(b"\x89PNG")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(replay, arguments, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    file = tmp_path / "calls.csv"
    file.write_text("".join(export({})))
    return file


def test_without_a_running_service_the_command_says_how_to_start_one(
    calls: Path, tmp_path: Path
) -> None:
    code, said = run(str(calls), "--data", str(tmp_path / "var"))
    assert code == Exit.NOT_RUNNING
    assert "maxray up --data" in said


def test_a_service_elsewhere_needs_to_know_who_asks(calls: Path) -> None:
    code, said = run(str(calls), "--url", "http://127.0.0.1:1")
    assert code == Exit.NOT_RUNNING
    assert "--token" in said


def test_a_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("a,b\n1,2\n")
    code, said = run(str(file), "--url", "http://127.0.0.1:1", "--token", "t")
    assert code == Exit.USAGE
    assert "no column 'Call Number'" in said


def test_a_period_without_calls_is_refused(calls: Path) -> None:
    code, said = run(
        str(calls), "--url", "http://127.0.0.1:1", "--token", "t", "--from", "2021-01-01"
    )
    assert code == Exit.USAGE
    assert "no calls in this period" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--decline", "60", "--ignore", "50"),
        ("--from", "yesterday"),
        ("--speed", "0"),
        ("--data", "here", "--url", "http://there"),
    ],
)
def test_what_makes_no_sense_is_refused(calls: Path, arguments: tuple[str, ...]) -> None:
    code, _ = run(str(calls), *arguments)
    assert code == Exit.USAGE
