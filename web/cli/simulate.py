"""`maxray simulate`: play a scenario in virtual time, and write what came of each call."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.domain.dispatch.catalogue import POLICIES
from actors.simulator import (
    Result,
    Scenario,
    SimulationStuck,
    simulate,
    write_rows,
)
from web.cli.compare import PolicyNames, compare_policies, loaded
from web.cli.exits import Exit
from web.cli.options import fail


@click.command("simulate")
@click.argument(
    "folders",
    metavar="DIR...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--policy", type=click.Choice(list(POLICIES)), help="Instead of the one the scenario names."
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Kept with the result; no policy that there is draws anything.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write RESULT.csv: one row a call.",
)
@click.option(
    "--compare",
    type=PolicyNames(),
    metavar="P1,P2,…",
    help="Instead: compare these policies, or `all`, on every DIR.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    help="With --compare: so many plays of each scenario, its calls' work drawn anew.  "
    "[default: one, as it stands]",
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --compare: a folder for the report and its plots.",
)
@click.option(
    "--bounds/--no-bounds",
    default=True,
    show_default=True,
    help="With --compare: the offline lower bound, which takes some seconds a play.",
)
@click.option(
    "--roads",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Travel over the network in this folder (nodes.csv, arcs.csv, hours.csv), by the hour, "
    "instead of travel.csv.",
)
def simulate_command(
    folders: tuple[Path, ...],
    policy: str | None,
    seed: int,
    out: Path | None,
    compare: tuple[str, ...] | None,
    seeds: int | None,
    report: Path | None,
    bounds: bool,
    roads: Path | None,
) -> None:
    """Play the scenario in DIR in virtual time, through the code that dispatches live.

    **Examples**

    - `maxray simulate city --out RESULT.csv`
    - `maxray simulate city --policy lookahead --out RESULT.csv`
    - `maxray simulate city --roads city/roads --out RESULT.csv`
    - `maxray simulate city suburb --compare closest_idle,lookahead --seeds 5 --report report`
    - `maxray simulate days/* --compare all --report report`
    """
    if compare is not None:
        if out is not None or policy is not None:
            raise click.UsageError("--compare goes with neither --out nor --policy")
        compare_policies(folders, compare, seeds or 0, report, roads=roads, bounds=bounds)
        return
    if seeds is not None or report is not None:
        raise click.UsageError("--seeds and --report go with --compare")
    if len(folders) > 1:
        raise click.UsageError("several scenarios are for --compare")
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    _play(loaded(folders[0], roads), policy, seed, out)


def _play(scenario: Scenario, policy: str | None, seed: int, out: Path) -> None:
    try:
        result = simulate(scenario, policy, seed)
    except SimulationStuck as error:
        fail(Exit.FAILED, str(error))
    try:
        write_rows(result, out)
    except OSError as error:
        fail(Exit.FAILED, f"the result was not written: {error}")
    console = Console()
    console.print(figures(result))
    speed = len(result.rows) / result.elapsed_s if result.elapsed_s else 0.0
    console.print(f"{len(result.rows)} calls in {result.elapsed_s:.2f} s: {speed:.0f} calls/s")


def figures(result: Result) -> Table:
    """The run's statistics, times in seconds."""
    found = result.statistics()
    table = Table(
        title=f"{escape(result.scenario)}: {escape(result.policy)}", show_header=False, min_width=40
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("calls", str(found.calls))
    table.add_row("queued calls", str(found.queued))
    for name, seconds in (
        ("response mean", found.mean_s),
        ("response p50", found.p50_s),
        ("response p90", found.p90_s),
        ("response p95", found.p95_s),
    ):
        table.add_row(name, "—" if seconds is None else f"{seconds:.1f} s")
    for priority, share in found.over_target.items():
        limit = result.targets[priority]
        said = "—" if share is None else f"{share:.1%}"
        table.add_row(f"priority {priority} over its target of {limit:g} s", said)
    table.add_row("preemptions", str(found.preemptions))
    table.add_row("moves", str(found.moves))
    return table
