"""`python -m tests.benchmarks [--only B1,B6] [--out var/bench.jsonl]`: exit status 1 on a miss."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from config.collector import relax_collector
from tests.benchmarks import commands, failover
from tests.benchmarks.claim import Claim, report
from tests.benchmarks.stack import Stack, servers

Measure = Callable[[Stack], Awaitable[tuple[list[Claim], list[str]]]]
MEASURES: dict[str, Measure] = {"B1": commands.measure, "B6": failover.measure}


async def run(chosen: Sequence[str], out: Path) -> int:
    claims: list[Claim] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="maxray-bench-") as folder:
        async with servers(Path(folder) / "data") as stack:
            from actors import cluster  # after the environment is a driver's

            cluster.connect(stack.ray_address)
            relax_collector()  # as in a web worker, whose part this process plays
            try:
                for name in chosen:
                    print(f"measuring {name} …", file=sys.stderr)
                    found, said = await MEASURES[name](stack)
                    claims += found
                    notes += said
            finally:
                cluster.disconnect()
    report(claims, notes, out)
    return 0 if all(claim.met for claim in claims) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(MEASURES), help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--out", type=Path, default=Path("var/bench.jsonl"))
    arguments = parser.parse_args()
    chosen = [name.strip().upper() for name in arguments.only.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown or not chosen:
        parser.error(f"{', '.join(unknown) or 'nothing'} cannot be measured; {', '.join(MEASURES)}")
    return uvloop.run(run(chosen, arguments.out))


if __name__ == "__main__":
    sys.exit(main())
