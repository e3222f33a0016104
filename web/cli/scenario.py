"""`maxray scenario`: makes what `maxray simulate` plays."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.csv_table import FileRefused
from actors.fire_calls.call import AMBULANCES
from actors.fire_calls.errors import ExportRefused
from actors.fire_calls.export import Record, Window, read_file
from actors.roads.grid import write_grid
from actors.roads.network import read_network
from actors.simulator.from_calls import (
    Choices,
    City,
    Classes,
    city_of,
    days,
    scenario_of,
    start_of_day,
)
from actors.simulator.generate import CityChoices, generate
from actors.simulator.roads import pave
from actors.simulator.writer import Draft, write
from web.cli.exits import Exit
from web.cli.moment import Moment
from web.cli.options import fail

_OUT = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NOON = 12.0
_POSITIVE = click.FloatRange(min=0, min_open=True)
_CITY = CityChoices(seed=0)


@click.group()
def scenario() -> None:
    """Make scenarios for `maxray simulate`: from recorded calls, or of a made-up city."""


@scenario.command("from-calls")
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=_OUT, required=True, help="The folder to write.")
@click.option("--from", "from_", type=Moment(), help="Calls received from this date or time on.")
@click.option("--to", type=Moment(), help="… and before this one.")
@click.option("--by-day", is_flag=True, help="One scenario a local day, each in OUT/DATE.")
@click.option(
    "--types",
    default=",".join(sorted(AMBULANCES)),
    show_default=True,
    help="Unit types that serve calls, by comma.",
)
@click.option(
    "--units",
    type=click.IntRange(min=1),
    help="How many units, the busiest first.  [default: as were on duty at the median call]",
)
@click.option(
    "--grid", type=_POSITIVE, default=250.0, show_default=True, help="Metres of a cell of places."
)
@click.option(
    "--speed", type=_POSITIVE, help="Straight-line m/s.  [default: calibrated on the record]"
)
@click.option(
    "--return-speed-factor", type=_POSITIVE, default=1.0, show_default=True, help="Of the way home."
)
@click.option(
    "--classes",
    type=click.Choice(["final", "triage"]),
    default="final",
    show_default=True,
    help="Final Priority 3, 2, other as 1, 2, 3; or the replay's four.",
)
@click.option("--needs", is_flag=True, help="Calls need the crew's level that triage would ask.")
def from_calls(
    csv: Path,
    out: Path,
    from_: float | None,
    to: float | None,
    by_day: bool,
    types: str,
    units: int | None,
    grid: float,
    speed: float | None,
    return_speed_factor: float,
    classes: str,
    needs: bool,
) -> None:
    """Scenarios from CSV, the public DataSF export *Fire Department Calls for Service*.

    Dirty rows are repaired where that is safe, and counted. Times are San Francisco's; units,
    bases and speed are taken from the record's whole period, also for `--by-day`.

    **Examples**

    - `maxray scenario from-calls calls.csv --out sf --from 2020-04-10 --to 2020-04-11`
    - `maxray scenario from-calls calls.csv --out sf --by-day --units 26`
    """
    choices = Choices(
        types=frozenset(t for t in (name.strip().upper() for name in types.split(",")) if t),
        units=units,
        grid_m=grid,
        speed_mps=speed,
        classes=cast(Classes, classes),
        needs=needs,
        return_speed_factor=return_speed_factor,
    )
    try:
        record = read_file(csv, Window(from_ or float("-inf"), to or float("inf")))
        city = city_of(record, choices)
    except (ExportRefused, ValueError) as error:
        fail(Exit.USAGE, str(error))
    if by_day:
        periods = [(out / name, name, begins, ends) for name, begins, ends in days(city)]
    else:
        begins = start_of_day(city.calls[0].received_at) if from_ is None else from_
        periods = [(out, csv.stem, begins, float("inf"))]
    console = Console()
    for folder, name, begins, ends in periods:
        _written(console, scenario_of(city, name, begins, ends), folder)
    console.print(_about(record, city))


@scenario.command("generate")
@click.option("--out", type=_OUT, required=True, help="The folder to write.")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="Same seed, same bytes.")
@click.option("--hours", type=_POSITIVE, default=_CITY.hours, show_default=True)
@click.option("--calls-per-hour", type=_POSITIVE, default=_CITY.calls_per_hour, show_default=True)
@click.option("--units", type=click.IntRange(min=1), default=_CITY.units, show_default=True)
@click.option("--stations", type=click.IntRange(min=1), default=_CITY.stations, show_default=True)
@click.option("--hospitals", type=click.IntRange(min=1), default=_CITY.hospitals, show_default=True)
@click.option("--size-km", type=_POSITIVE, default=_CITY.size_km, show_default=True)
@click.option(
    "--hot-spots", type=click.IntRange(min=1, max=100), default=_CITY.spots, show_default=True
)
@click.option(
    "--als-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=_CITY.als_share,
    show_default=True,
    help="Share of units with advanced life support.",
)
@click.option(
    "--speed", type=_POSITIVE, default=_CITY.speed_mps, show_default=True, help="Straight-line m/s."
)
@click.option(
    "--roads", is_flag=True, help="With streets, in OUT/roads, and travel.csv over them at noon."
)
def generated(
    out: Path,
    seed: int,
    hours: float,
    calls_per_hour: float,
    units: int,
    stations: int,
    hospitals: int,
    size_km: float,
    hot_spots: int,
    als_share: float,
    speed: float,
    roads: bool,
) -> None:
    """A made-up city and its calls, by hour of day and place.

    **Examples**

    - `maxray scenario generate --out city --seed 1`
    - `maxray scenario generate --out city --seed 1 --hours 168 --units 40 --calls-per-hour 22`
    """
    choices = CityChoices(
        seed=seed,
        hours=hours,
        calls_per_hour=calls_per_hour,
        units=units,
        stations=stations,
        hospitals=hospitals,
        size_km=size_km,
        spots=hot_spots,
        als_share=als_share,
        speed_mps=speed,
    )
    try:
        draft = generate(choices)
    except ValueError as error:
        fail(Exit.USAGE, str(error))
    console = Console()
    _written(console, draft, out)
    if roads:
        try:
            files = write_grid(out / "roads", size_km * 1000, seed)
        except OSError as error:
            fail(Exit.FAILED, f"{out}: cannot be written: {error}")
        nodes, arcs, by_hour = files
        _paved(console, out, nodes, arcs, by_hour, _NOON, None)


@scenario.command("roads")
@click.option("--nodes", type=_FILE, required=True, help="CSV: id,lat,lon or id,x,y.")
@click.option("--arcs", type=_FILE, required=True, help="CSV: from,to,metres and speed_mps, class.")
@click.option("--hours", type=_FILE, help="CSV: hour,class,factor of the speed.")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The scenario.",
)
@click.option(
    "--hour",
    type=click.FloatRange(0, 24, max_open=True),
    default=_NOON,
    show_default=True,
    help="Of the day, for whom travel.csv says how long it takes.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep shortest paths here, for the next time.",
)
def roads_into(
    nodes: Path, arcs: Path, hours: Path | None, into: Path, hour: float, cache: Path | None
) -> None:
    """Write a scenario's travel.csv from a road network.

    Each place takes the network's nearest node. Streets are one way: both ways are two rows. A
    class is a `highway` of OpenStreetMap and gives the speed where none is said; with `--hours`
    speeds change with the hour of the day.

    **Examples**

    - `maxray scenario roads --nodes nodes.csv --arcs arcs.csv --into city`
    - `maxray scenario roads --nodes n.csv --arcs a.csv --hours h.csv --into city --hour 17.5`
    """
    _paved(Console(), into, nodes, arcs, hours, hour, cache)


def _paved(
    console: Console,
    folder: Path,
    nodes: Path,
    arcs: Path,
    hours: Path | None,
    hour: float,
    cache: Path | None,
) -> None:
    try:
        network = read_network(nodes, arcs, hours)
        paved = pave(folder, network, hour * 3600, cache)
    except (FileRefused, ValueError) as error:
        fail(Exit.USAGE, str(error))
    except OSError as error:
        fail(Exit.FAILED, f"{folder}: cannot be written: {error}")
    console.print(
        f"{folder}: travel between {paved.places} places over {len(network.ids)} nodes and "
        f"{len(network.tail)} arcs, the farthest {paved.farthest_m:.0f} m from its node",
        highlight=False,
        soft_wrap=True,
    )


def _written(console: Console, draft: Draft, folder: Path) -> None:
    try:
        write(draft, folder)
    except OSError as error:
        fail(Exit.FAILED, f"{folder}: cannot be written: {error}")
    console.print(
        f"{folder}: {len(draft.calls)} calls, {len(draft.units)} units, "
        f"{len(draft.hospitals)} hospitals, {len(draft.places)} places",
        highlight=False,
        soft_wrap=True,
    )


def _about(record: Record, city: City) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(record.dirty.items()))
    found = city.calibration
    if city.choices.speed_mps is not None:
        speed = "as given"
    elif found.error_s is None:
        speed = "assumed: too few drives whose beginning is known"
    else:
        speed = f"from {found.drives} drives, median error {found.error_s:.0f} s a drive"
    table.add_row("dirty rows", escape(f"{told or 'none'}; {record.skipped} not used"))
    table.add_row("calls without such a unit", f"{city.unserved}, left out")
    table.add_row("calls nobody reached", f"{city.imputed} (their service is made up)")
    table.add_row("speed", f"{city.speed_mps:g} m/s, {speed}")
    return table
