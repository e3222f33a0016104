"""`maxray simulate --compare`: several policies on several scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rich_click as click
from rich.console import Console

from actors.domain.dispatch.catalogue import POLICIES
from actors.simulator import FileRefused, Scenario, SimulationStuck, load
from actors.simulator.comparison import Comparison, Run, compare
from actors.simulator.roads import by_roads
from web.cli.exits import Exit
from web.cli.options import fail
from web.comparison.table import method, show, verdict

REPORT = "report.html"


class PolicyNames(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, each once; or `all`."""

    name = "policies"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = tuple(name.strip() for name in str(value).split(","))
        if names == ("all",):
            return tuple(POLICIES)
        for name in names:
            if name not in POLICIES:
                self.fail(f"there is no policy {name!r}; there are {', '.join(POLICIES)}, or all")
            if names.count(name) > 1:
                self.fail(f"{name} stands twice")
        return names


def compare_policies(
    folders: Sequence[Path],
    policies: Sequence[str],
    seeds: int,
    report: Path | None,
    *,
    roads: Path | None,
    bounds: bool,
) -> None:
    """Play, print, and write the report's files into `report`; exits where it cannot.

    `roads`: as loaded() has it. Travel then changes with the hour, and there is no bound.
    """
    console = Console()
    scenarios = _named(folders, roads)
    bounds = bounds and roads is None
    try:
        with console.status("playing …") as status:

            def told(run: Run) -> None:
                status.update(f"{run.scenario}, seed {run.seed}: {run.policy}")

            comparison = compare(scenarios, policies, seeds, bounds=bounds, told=told)
    except ValueError as error:
        fail(Exit.USAGE, str(error))
    except SimulationStuck as error:
        fail(Exit.FAILED, str(error))
    show(comparison, console)
    click.echo(method(comparison))
    click.echo(verdict(comparison))
    if report is not None:
        _write(console, comparison, report)


def loaded(folder: Path, roads: Path | None) -> Scenario:
    """The scenario in a folder; with `roads`, over that folder's network. Exits if refused."""
    try:
        scenario = load(folder)
        return scenario if roads is None else by_roads(scenario, roads)
    except (FileRefused, ValueError) as error:
        fail(Exit.USAGE, f"scenario refused: {error}")


def _named(folders: Sequence[Path], roads: Path | None) -> list[tuple[str, Scenario]]:
    """By the folders' names, or their whole paths where names repeat."""
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    if len(set(names)) < len(names):
        fail(Exit.USAGE, "a scenario was given twice")
    return [(name, loaded(folder, roads)) for name, folder in zip(names, folders, strict=True)]


def _write(console: Console, comparison: Comparison, folder: Path) -> None:
    from web.comparison.chart import charts
    from web.comparison.page import page

    images = charts(comparison)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in images.items():
            (folder / name).write_bytes(image)
        (folder / REPORT).write_text(page(comparison, images), encoding="utf-8")
    except OSError as error:
        fail(Exit.FAILED, f"{folder}: cannot be written: {error}")
    console.print(f"report: {folder / REPORT}", highlight=False, soft_wrap=True)
