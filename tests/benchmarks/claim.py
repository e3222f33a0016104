"""One measured claim, as it is printed and written to var/bench.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table


class Claim(Struct, frozen=True, kw_only=True):
    """`value` in `unit`; None where a column does not apply. `ratio` = value / baseline.

    Without a target a claim is for comparison, and cannot be missed.
    """

    id: str
    name: str
    value: float
    unit: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile by nearest rank; values need not be sorted. Raises on none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def report(claims: Sequence[Claim], notes: Sequence[str], to: Path) -> None:
    """Print the table and write one JSON object a claim."""
    table = Table(title="MaxRay benchmarks: two cores for client, database and all")
    for column in ("", "claim", "value", "p50", "p99", "baseline", "ratio", "target", "met"):
        table.add_column(column, justify="left" if column in ("", "claim", "target") else "right")
    for c in claims:
        table.add_row(
            c.id,
            c.name,
            f"{c.value:,.0f} {c.unit}" if c.value >= 100 else f"{c.value:,.2f} {c.unit}",
            "" if c.p50_ms is None else f"{c.p50_ms:,.1f} ms",
            "" if c.p99_ms is None else f"{c.p99_ms:,.1f} ms",
            "" if c.baseline is None else f"{c.baseline:,.0f}",
            "" if c.ratio is None else f"{c.ratio:,.1f}×",
            c.target or "",
            "" if c.met is None else "yes" if c.met else "NO",
        )
    console = Console(width=150)
    console.print(table)
    for note in notes:
        console.print(f"  {note}")
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(b"".join(msgspec.json.encode(c) + b"\n" for c in claims))
