"""What came of a run: a row a call, and the figures over all of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from msgspec import Struct

COLUMNS = (
    "call",
    "unit",
    "assigned_s",
    "response_s",
    "arrived_s",
    "hospital",
    "cleared_s",
)


class Row(Struct, frozen=True):
    """One call. `assigned_s`: when the unit that came was sent. `queued`: not as it called."""

    call: str
    unit: str
    assigned_s: float
    response_s: float
    arrived_s: float
    hospital: str | None
    cleared_s: float
    priority: int
    queued: bool


class Statistics(Struct, frozen=True, kw_only=True):
    """Response times in seconds, quantiles interpolated linearly; None where nobody called.

    `over_target`: priority -> which share of its calls took longer than its target.
    """

    calls: int
    queued: int
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None
    over_target: dict[int, float | None]
    preemptions: int
    moves: int


class Result(Struct, frozen=True, kw_only=True):
    """One run. `rows` in the order of the calls.

    `decisions_s`: how long the dispatcher took to plan, each time; `elapsed_s`: the whole run, both
    in seconds of the machine it ran on.
    """

    scenario: str
    policy: str
    seed: int
    targets: dict[int, float]
    rows: tuple[Row, ...]
    preemptions: int
    moves: int
    decisions_s: tuple[float, ...]
    elapsed_s: float

    @property
    def queued(self) -> int:
        return sum(row.queued for row in self.rows)

    def statistics(self) -> Statistics:
        responses = [row.response_s for row in self.rows]
        quantiles = [None] * 3 if not responses else np.quantile(responses, [0.5, 0.9, 0.95])
        p50_s, p90_s, p95_s = (None if q is None else float(q) for q in quantiles)
        return Statistics(
            calls=len(responses),
            queued=self.queued,
            mean_s=float(np.mean(responses)) if responses else None,
            p50_s=p50_s,
            p90_s=p90_s,
            p95_s=p95_s,
            over_target={p: self._over(p, limit) for p, limit in sorted(self.targets.items())},
            preemptions=self.preemptions,
            moves=self.moves,
        )

    def _over(self, priority: int, limit: float) -> float | None:
        over = [row.response_s > limit for row in self.rows if row.priority == priority]
        return sum(over) / len(over) if over else None


def write_rows(result: Result, path: Path) -> None:
    """RESULT.csv: floats as `repr` writes them, so that they are read back as they were."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in result.rows:
            times = map(repr, (row.assigned_s, row.response_s, row.arrived_s))
            writer.writerow((row.call, row.unit, *times, row.hospital or "", repr(row.cleared_s)))
