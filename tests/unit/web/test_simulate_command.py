"""`maxray simulate` as it is called: what it writes, what it says, and how it leaves."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from actors.domain.dispatch.catalogue import POLICIES
from tests.unit.actors.simulator.folder import SETTINGS, write
from web.cli.exits import Exit
from web.cli.simulate import simulate_command


def test_it_writes_a_row_a_call_and_prints_the_figures(tmp_path: Path) -> None:
    folder = write(tmp_path / "s", {"scenario.toml": SETTINGS + "[targets]\np1 = 50\n"})
    out = tmp_path / "RESULT.csv"
    done = CliRunner().invoke(simulate_command, [str(folder), "--out", str(out)])
    assert done.exit_code == Exit.OK, done.output
    assert out.read_text().splitlines()[1] == "k1,u1,0.0,100.0,100.0,,110.0"
    said = " ".join(done.output.split())
    for figure in ("queued calls", "p50", "p90", "p95", "priority 1 over its target of 50 s"):
        assert figure in said
    assert "100.0%" in said


def test_a_malformed_scenario_is_refused_and_nothing_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "s", {"units.csv": "id,base\nu1,z\n"})
    out = tmp_path / "RESULT.csv"
    done = CliRunner().invoke(simulate_command, [str(folder), "--out", str(out)])
    assert done.exit_code == Exit.USAGE
    assert "units.csv, line 2: expected base to be a location" in " ".join(done.output.split())
    assert not out.exists()


def test_several_scenarios_are_for_a_comparison(tmp_path: Path) -> None:
    folder = str(write(tmp_path / "s", {}))
    done = CliRunner().invoke(simulate_command, [folder, folder, "--out", str(tmp_path / "R")])
    assert done.exit_code == Exit.USAGE
    assert "--compare" in done.output


def compared(folder: Path, names: str) -> tuple[int, str]:
    done = CliRunner().invoke(simulate_command, [str(folder), "--compare", names, "--no-bounds"])
    return done.exit_code, done.output


def test_policies_to_compare_may_have_spaces_and_stand_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "s", {})
    code, said = compared(folder, "closest_idle, priority")
    assert code == Exit.OK, said
    for names, why in (
        ("closest_idle,closest_idle", "closest_idle stands twice"),
        ("closest_idle,", "no policy ''"),
        ("closest_idle,luck", "no policy 'luck'"),
    ):
        code, said = compared(folder, names)
        assert code == Exit.USAGE
        assert why in " ".join(said.replace("│", " ").split())


def test_a_comparison_that_is_piped_has_whole_names_and_figures(tmp_path: Path) -> None:
    code, said = compared(write(tmp_path / "s", {}), "all")
    assert code == Exit.OK, said
    assert "…" not in said
    (header,) = (line for line in said.splitlines() if "weighted" in line and "queued" in line)
    assert "less baseline" in header and "decision p99" in header
    for name in POLICIES:
        assert sum(name in line.split() for line in said.splitlines()) >= 2
