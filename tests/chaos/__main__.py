"""`make chaos`: a recorded day at speed, with processes killed at random, and then the checker.

    python -m tests.chaos --calls FILE [--day 2020-04-10] [--speed 600] [--seed 1] …

Status 0: the replay lost nothing and the journal is whole. 1: it is not; the folder is kept. 2:
there is nothing to play. What was seen until then is printed in any case.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from actors.fire_calls.errors import ExportRefused
from tests.chaos.judging import SOURCES
from tests.chaos.killer import SHARD
from tests.chaos.playing import Outcome, Run, calls_of, play


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=Path, required=True, help="a DataSF export of calls, CSV")
    parser.add_argument("--day", type=date.fromisoformat, default=date(2020, 4, 10))
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--speed", type=float, default=600.0, help="virtual seconds in a real one")
    parser.add_argument("--units", type=int, help="only the N busiest units")
    parser.add_argument("--seed", type=int, default=1, help="of the kills and the crews' habits")
    parser.add_argument("--every", type=float, default=10.0, help="mean seconds between kills")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--web-workers", type=int, default=2)
    parser.add_argument(
        "--offer", type=float, default=6.0, help="seconds that an offer stands (real ones)"
    )
    parser.add_argument("--policy", help="the dispatch policy (default: the service's)")
    parser.add_argument(
        "--web", type=float, default=0.0, metavar="W", help="kill a web worker W times per shard"
    )
    parser.add_argument(
        "--redis", type=float, default=0.0, metavar="W", help="kill Redis W times per shard"
    )
    parser.add_argument(
        "--postgres", type=float, default=0.0, metavar="W", help="kill PostgreSQL W times per shard"
    )
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that it may take")
    parser.add_argument("--keep", action="store_true", help="keep the folder in any case")
    return parser.parse_args()


def run_of(given: argparse.Namespace) -> Run:
    weights = {SHARD: 1.0, "web-1": given.web, "redis": given.redis, "postgres": given.postgres}
    return Run(
        calls=given.calls,
        day=given.day,
        days=given.days,
        speed=given.speed,
        units=given.units,
        seed=given.seed,
        every_s=given.every,
        weights={name: weight for name, weight in weights.items() if weight > 0},
        shards=given.shards,
        web_workers=given.web_workers,
        offer_s=given.offer,
        policy=given.policy,
        limit_s=given.limit,
    )


def show(outcome: Outcome, took_s: float) -> None:
    print(outcome.replay or "the replay said nothing")
    for source in SOURCES:
        _, said = outcome.judged.get(source, (1, "not judged"))
        print(f"\n--- the checker, of the {source}\n{said.strip()}")
    times = ", ".join(f"{kill.what} at {kill.at:.0f} s" for kill in outcome.kills)
    kinds = ", ".join(f"{what} {count}" for what, count in sorted(outcome.killed.items()))
    print(f"\nkilled {len(outcome.kills)}: {kinds or 'nothing'} ({times})")
    print(f"{outcome.acknowledged} acknowledged commands in the ledger; took {took_s:.0f} s")
    for failure in outcome.failures:
        print(f"failed: {failure}")
    print(f"chaos: {'whole' if outcome.good else 'BROKEN'}", flush=True)


def main() -> int:
    given = arguments()
    run = run_of(given)
    try:
        calls = calls_of(run)
        if not calls:
            raise ExportRefused(f"{run.calls}: no calls in this period")
    except ExportRefused as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="maxray-chaos-"))
    began = time.monotonic()
    outcome = Outcome()
    try:
        asyncio.run(play(run, calls, folder, outcome))
    except (TimeoutError, AssertionError) as error:
        outcome.failures.append(f"it did not start, or did not stop: {error!r}")
    finally:  # whatever became of the rest: the figures took minutes
        show(outcome, time.monotonic() - began)
        if outcome.good and not given.keep:
            shutil.rmtree(folder)
        else:
            print(f"its data, ledger and journal are in {folder}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
