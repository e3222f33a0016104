"""`maxray replay`: a recorded period of calls against a running service."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import IO

import msgspec
import rich_click as click
import uvloop
from rich.console import Console
from rich.markup import escape

from actors.fire_calls.errors import ExportRefused
from actors.fire_calls.export import ZONE, Record, Window, read_file
from actors.fire_calls.fleet import fleet_of
from actors.fire_calls.hospitals import SAN_FRANCISCO
from web.cli.exits import Exit
from web.cli.moment import Moment
from web.cli.options import config_option, data_option, fail, settings_or_exit
from web.replay.acknowledged import Acknowledged
from web.replay.crew import Habits
from web.replay.display import Display
from web.replay.errors import ReplayError, TargetRefused
from web.replay.motion import Traffic
from web.replay.player import Play, Player
from web.replay.report import Result, arrivals_table, figures_table, last_line, response_table
from web.replay.target import Target, elsewhere, of_folder

# Refusals tend to be alike.
_SHOWN = 5


@click.command()
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "from_", type=Moment(), help="Calls received from this date or time on.")
@click.option("--to", type=Moment(), help="… and before this one.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=60.0,
    show_default=True,
    help="Virtual seconds in a real one.",
)
@click.option("--units", type=click.IntRange(min=1), help="Only the N busiest units.")
@data_option
@click.option("--url", help="A service elsewhere instead of a data folder.")
@click.option("--token", help="An admin's token for it.", envvar="MAXRAY_REPLAY_TOKEN")
@click.option(
    "--token-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Or the file with its token secret.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="And the certificate of the authority it is to be trusted by.",
)
@click.option("--region", help="The region to play in.  [default: the service's]")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the crews' habits.")
@click.option(
    "--decline",
    type=click.FloatRange(0, 100),
    default=2.0,
    show_default=True,
    help="Percent of offers that crews decline.",
)
@click.option(
    "--ignore",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Percent of offers that crews let expire.",
)
@click.option(
    "--acknowledged",
    type=click.File("w", lazy=False),
    help="Write the id of each acknowledged emergency here, as they come.",
)
@click.option(
    "--ledger",
    type=click.File("wb", lazy=False),
    help="Write each acknowledged command here, as JSON, for tests.chaos.check_journal.",
)
@click.option(
    "--drives",
    type=click.Choice(["as-estimated", "as-recorded"]),
    default="as-estimated",
    show_default=True,
    help="How long drives take: as the estimate says, or spread about it as the record's were.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a PNG here.")
@config_option
def replay(
    csv: Path,
    from_: float | None,
    to: float | None,
    speed: float,
    units: int | None,
    data: Path | None,
    url: str | None,
    token: str | None,
    token_secret_file: Path | None,
    ca: Path | None,
    region: str | None,
    seed: int,
    decline: float,
    ignore: float,
    acknowledged: IO[str] | None,
    ledger: IO[bytes] | None,
    drives: str,
    plot: Path | None,
    config: Path | None,
) -> None:
    """Play recorded calls against a running service, through its public doors.

    CSV is the public DataSF export *Fire Department Calls for Service*. Its units are registered as
    paramedics, each with a device on a socket of its own; patients raise its calls at their
    recorded times; our dispatcher decides who goes; crews accept, drive, treat, transport and
    clear, as long as they did then.

    Only the calls, the crews and their drives run at `--speed`. The service runs in real time: an
    offer that nobody answers expires after real seconds, 30 of which are 5 h at speed 600.
    Moving units send a position each virtual second, but 100 a second in all at most; what lies
    between is skipped. A replay ends when all calls have, or when nothing has happened for 150
    real seconds (6 virtual hours, where that is longer): what is open then counts as lost.

    The last line is for machines. The exit status is 1 when anything was lost, assigned twice, or
    not acknowledged.

    **Examples**

    - `maxray replay calls.csv --from 2020-04-10 --to 2020-04-11 --speed 600`
    - `maxray replay calls.csv --units 40 --plot replay.png`
    - `maxray replay calls.csv --url https://maxray.example --token "$ADMIN_TOKEN"`
    """
    if decline + ignore > 100:
        raise click.UsageError("--decline and --ignore are more than 100 percent together")
    console = Console()
    try:
        target = _target(data, url, token, token_secret_file, ca, region, config)
        record = _read(csv, Window(from_ or float("-inf"), to or float("inf")), console)
    except TargetRefused as error:
        fail(Exit.NOT_RUNNING, str(error))
    except (ExportRefused, ReplayError) as error:
        fail(Exit.USAGE, str(error))
    play = Play(
        record=record,
        units=fleet_of(record.rows, units),
        speed=speed,
        seed=seed,
        habits=Habits(decline / 100, ignore / 100),
        hospitals=SAN_FRANCISCO,
        traffic=Traffic(seed=seed) if drives == "as-recorded" else None,
    )

    def note(emergency: str) -> None:
        if acknowledged is not None:
            print(emergency, file=acknowledged, flush=True)

    def note_command(command: Acknowledged) -> None:
        if ledger is not None:
            ledger.write(msgspec.json.encode(command) + b"\n")
            ledger.flush()

    player = Player(play, target, secrets.token_hex(4), note, note_command)
    logging.getLogger("centrifuge").setLevel(logging.CRITICAL)
    try:
        with Display(console, player, ZONE):
            result = uvloop.run(player.run())
    except ReplayError as error:
        fail(Exit.FAILED, str(error))
    _show(console, result, player, plot)
    raise SystemExit(Exit.OK if result.good else Exit.FAILED)


def _target(
    data: Path | None,
    url: str | None,
    token: str | None,
    secret_file: Path | None,
    authority: Path | None,
    region: str | None,
    config: Path | None,
) -> Target:
    if url is not None:
        if data is not None:
            raise click.UsageError("--data and --url exclude each other")
        return elsewhere(url, token, secret_file, region, authority)
    return of_folder(settings_or_exit(config, data=data).data.absolute(), region)


def _read(csv: Path, window: Window, console: Console) -> Record:
    with console.status(f"reading {escape(csv.name)} …"):
        record = read_file(csv, window)
    if not record.calls:
        raise ReplayError(f"{csv}: no calls in this period")
    console.print(
        f"{len(record.calls)} calls, {len({row.unit for row in record.rows})} units, "
        f"{len(record.rows)} rows",
        highlight=False,
    )
    return record


def _show(console: Console, result: Result, player: Player, plot: Path | None) -> None:
    console.print(response_table(result))
    if result.arrivals:
        console.print(arrivals_table(result))
    console.print(figures_table(result))
    for name, found in (("lost", result.verdict.lost), ("double", result.verdict.double)):
        for emergency in found:
            console.print(f"[red]{name}[/] {emergency}", highlight=False)
    for refusal in player.unacknowledged[:_SHOWN]:
        console.print(f"[red]not acknowledged[/] {escape(refusal)}", highlight=False)
    if plot is not None and player.clock is not None:
        from web.replay.plot import draw

        engagements = list(player.ledger.engagements.values())
        draw(plot, result, engagements, player.clock, ZONE)
        console.print(f"plot: {plot}", highlight=False, soft_wrap=True)
    # Plain and whole, whatever the terminal's width.
    click.echo(last_line(result))
