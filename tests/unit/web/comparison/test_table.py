"""A comparison on terminals of every width: whose figure it is, is never cut off."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from actors.domain.dispatch.catalogue import POLICIES
from actors.simulator import load
from actors.simulator.comparison import Comparison, compare
from tests.unit.actors.simulator.folder import SETTINGS, write
from web.comparison.table import COLUMNS, show


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    settings = {"scenario.toml": SETTINGS + "[targets]\np1 = 50\n"}
    scenario = load(write(tmp_path_factory.mktemp("s"), settings))
    return compare([("s", scenario)], tuple(POLICIES), seeds=2)


def shown(comparison: Comparison, width: int, *, terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    show(comparison, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]
        for line in text.splitlines()
        if line[:1] in "│┃"
    ]


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_narrow_terminal_each_measure_has_its_block(
    comparison: Comparison, width: int
) -> None:
    text = shown(comparison, width, terminal=True)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    names = [row[0] for row in rows(text) if row[0] != "policy"]
    # Three blocks of all policies and one for each of the three priorities, none in two lines.
    assert names == [*POLICIES] * 6
    heads = {cell for row in rows(text) if row[0] == "policy" for cell in row}
    assert heads > set(COLUMNS)


@pytest.mark.parametrize(("width", "terminal"), [(200, True), (80, False)])
def test_where_there_is_room_or_no_terminal_all_of_a_policy_stands_in_one_row(
    comparison: Comparison, width: int, terminal: bool
) -> None:
    text = shown(comparison, width, terminal=terminal)
    assert ["policy", *COLUMNS] in rows(text)
    assert "…" not in text
    assert len(rows(text)) == 2 + len(POLICIES) * (1 + 3)
