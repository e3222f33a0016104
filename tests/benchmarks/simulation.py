"""B9: how many calls a second the simulator plays on one core, `closest_idle`, 25 units, a matrix.

Two days in one made-up city of 100 places: a usual one, on which units are busy two thirds of the
time, and one in overload, on which about a hundred calls wait all along. The scenario is loaded
once; measured is what plays it, in the process's own time (CPU), the median of some plays. How busy
the units were and how many waited is in the notes, as it came out.

The baseline is the tests' reference: the published rules as one plain loop, with none of the state
machines that live dispatch and the simulator share. So it is the faster one, and a ratio below 1 is
the price of playing the very code that dispatches. What both play must be the same to the last bit,
or there is no figure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import hypot
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Final, TypeVar

from actors.simulator import Result, load, simulate
from tests.benchmarks.claim import Claim
from tests.unit.actors.simulator.reference import Figures, Reference

UNITS: Final = 25
PLACES: Final = 100
CALLS: Final = 4_000
PLAYS: Final = 5
TARGET: Final = 5_000
_SIDE_M: Final = 12_000.0
_SPEED_MPS: Final = 12.0
_HOSPITALS: Final = 4
# Seconds from a call to the next, at the mean: so it is two thirds of a unit's time, and so that
# units are just as many as are needed and whoever waits at the beginning goes on waiting.
_USUAL_S: Final = 101.5
_OVERLOAD_S: Final = 84.5
# At once, at the beginning: a unit each, and those who wait.
_AT_ONCE: Final = UNITS + 100

T = TypeVar("T")


async def measure() -> tuple[list[Claim], list[str]]:
    claims: list[Claim] = []
    notes = ["B9 ratio below 1: the price of the live state machines, against one plain loop."]
    for name, apart_s, at_once, target in (
        ("units two thirds busy", _USUAL_S, 1, TARGET),
        ("a hundred calls waiting", _OVERLOAD_S, _AT_ONCE, None),
    ):
        with TemporaryDirectory(prefix="maxray-bench-") as folder:
            files = _write(Path(folder), apart_s, at_once)
            scenario, reference = load(files), Reference(files)
            result, took_s = _timed(partial(simulate, scenario), PLAYS)
            expected, plain_s = _timed(reference.play, 1)
        assert _figures(result) == expected, "what is not the same is not to be compared"
        rate, plain = CALLS / took_s, CALLS / plain_s
        claims.append(
            Claim(
                id="B9",
                name=f"simulator, closest_idle, {UNITS} units, matrix (CPU): {name}",
                value=rate,
                unit="calls/s",
                baseline=plain,
                ratio=rate / plain,
                target=None if target is None else f"≥ {target:,}/s",
                met=None if target is None else rate >= target,
            )
        )
        busy, waiting = _load(result)
        notes.append(f"B9 {name}: units {busy:.0%} busy, {waiting:.1f} calls waiting at the mean.")
    return claims, notes


def _timed(play: Callable[[], T], plays: int) -> tuple[T, float]:
    """What it comes to, and the median of its CPU seconds; where it plays often, one to warm up."""
    took: list[float] = []
    for _ in range(plays + (plays > 1)):
        began = process_time()
        found = play()
        took.append(process_time() - began)
    return found, median(took[-plays:])


def _figures(result: Result) -> list[Figures]:
    return [
        (
            row.call,
            row.unit,
            row.assigned_s,
            row.response_s,
            row.arrived_s,
            row.hospital or "",
            row.cleared_s,
            row.queued,
        )
        for row in result.rows
    ]


def _load(result: Result) -> tuple[float, float]:
    """Which share of the time a unit was busy, and how many calls waited at the mean."""
    rows = result.rows
    span_s = max(row.assigned_s for row in rows)
    busy_s = sum(min(row.cleared_s, span_s) - row.assigned_s for row in rows)
    waited_s = sum(row.assigned_s - (row.arrived_s - row.response_s) for row in rows)
    return busy_s / (UNITS * span_s), waited_s / span_s


def _write(folder: Path, apart_s: float, at_once: int) -> Path:
    """The scenario's files: places anywhere in a square, ways somewhat longer than straight."""
    rng = random.Random(9)
    places = {f"l{n:03}": (rng.uniform(0, _SIDE_M), rng.uniform(0, _SIDE_M)) for n in range(PLACES)}
    names = list(places)
    tables = {
        "scenario.toml": ['name = "bench"', "return_speed_factor = 0.9"],
        "locations.csv": ["id,x_m,y_m", *(f"{n},{x!r},{y!r}" for n, (x, y) in places.items())],
        "travel.csv": [
            "from,to,seconds",
            *(
                f"{a},{b},{hypot(x - to_x, y - to_y) * rng.uniform(1.1, 1.6) / _SPEED_MPS!r}"
                for a, (x, y) in places.items()
                for b, (to_x, to_y) in places.items()
            ),
        ],
        "units.csv": ["id,base", *(f"u{n:02},{rng.choice(names)}" for n in range(UNITS))],
        "hospitals.csv": ["location", *rng.sample(names, _HOSPITALS)],
        "calls.csv": [
            "id,at_s,location,priority,on_scene_s,transport,handover_s",
            *_calls(rng, names, apart_s, at_once),
        ],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _calls(rng: random.Random, names: Sequence[str], apart_s: float, at_once: int) -> Iterator[str]:
    at_s = 0.0
    for n in range(CALLS):
        if n >= at_once:
            at_s += rng.expovariate(1 / apart_s)
        scene_s, handover_s = rng.uniform(300.0, 1_500.0), rng.uniform(300.0, 900.0)
        transport, priority = int(rng.random() < 0.6), rng.choice((1, 2, 3, 4))
        yield (
            f"c{n:05},{at_s!r},{rng.choice(names)},{priority},{scene_s!r},{transport},{handover_s!r}"
        )
