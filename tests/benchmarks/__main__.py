"""`python -m tests.benchmarks [--only B1,B6] [--out var/bench.jsonl]`: exit status 1 on a miss."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from config.collector import relax_collector
from tests.benchmarks import (
    alarm,
    commands,
    decisions,
    failover,
    fanout,
    memory,
    positions,
    recovery,
    simulation,
)
from tests.benchmarks.claim import Claim, report
from tests.benchmarks.stack import Stack, servers

Found = tuple[list[Claim], list[str]]
ALONE: dict[str, Callable[[], Awaitable[Found]]] = {
    "B2": fanout.measure,
    "B8": decisions.measure,
    "B9": simulation.measure,
}
"""Need no server but their own; they are measured before the others' servers run beside them."""
ON_STACK: dict[str, Callable[[Stack], Awaitable[Found]]] = {
    "B1": commands.measure,
    "B3": memory.measure,
    "B4": alarm.measure,
    "B5": positions.measure,
    "B6": failover.measure,
    "B7": recovery.measure,
}
MEASURES = sorted((*ALONE, *ON_STACK))


async def run(chosen: Sequence[str], out: Path) -> int:
    claims: list[Claim] = []
    notes: list[str] = []

    async def measure(name: str, measuring: Awaitable[Found]) -> None:
        print(f"measuring {name} …", file=sys.stderr)
        found, said = await measuring
        claims.extend(found)
        notes.extend(said)

    try:
        for name in (name for name in chosen if name in ALONE):
            await measure(name, ALONE[name]())
        on_stack = [name for name in chosen if name in ON_STACK]
        if on_stack:
            await _on_stack(on_stack, measure)
    finally:  # also when one of them has failed: the others' figures took minutes
        claims.sort(key=lambda claim: claim.id)
        report(claims, notes, out)
    return 0 if all(claim.met is not False for claim in claims) else 1


async def _on_stack(
    names: Sequence[str], measure: Callable[[str, Awaitable[Found]], Awaitable[None]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="maxray-bench-") as folder:
        async with servers(Path(folder) / "data") as stack:
            from actors import cluster  # after the environment is a driver's

            cluster.connect(stack.ray_address)
            relax_collector()  # as in a web worker, whose part this process plays
            try:
                for name in names:
                    await measure(name, ON_STACK[name](stack))
            finally:
                cluster.disconnect()


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
