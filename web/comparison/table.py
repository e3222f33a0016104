"""A comparison on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.console import Console
from rich.table import Table

from actors.simulator.comparison import LOWEST_CLASS_SLACK, Comparison, Summary
from actors.simulator.confidence import LEVEL, Interval

COLUMNS: Final = (
    "weighted", "less baseline", "mean", "bound", "gap",
    "queued", "preempted", "moves", "decision p99",
)  # fmt: skip
"""Of a policy, after its name."""
CLASS_COLUMNS: Final = ("calls", "mean", "p50", "p90", "p95", "over target")
"""Of a policy and priority, after both."""
# No table is wider.
_UNBOUNDED: Final = 10_000
# Each is at most 80 columns wide with the longest name of a policy there is.
_BLOCKS: Final[Mapping[str, Sequence[str]]] = {
    "Response, seconds": ("weighted", "less baseline", "mean"),
    "Offline bound, seconds": ("weighted", "bound", "gap"),
    "What it took": ("queued", "preempted", "moves", "decision p99"),
}


def show(comparison: Comparison, console: Console) -> None:
    """Print the figures: as two tables where they fit, else one small table a measure.

    Where nobody's terminal sets a width, they are as wide as they are.
    """
    wide = (summary_table(comparison), class_table(comparison))
    unbounded = console.options.update_width(_UNBOUNDED)
    needed = max(console.measure(table, options=unbounded).maximum for table in wide)
    if not console.is_terminal:
        console.width = max(console.width, needed)
    fits = needed <= console.width
    for table in wide if fits else (*summary_blocks(comparison), *class_blocks(comparison)):
        console.print(table)


def summary_table(comparison: Comparison) -> Table:
    """A row a policy: seconds of response, weighed by priority, and what it took."""
    return _summaries(comparison, "Response, seconds", COLUMNS)


def summary_blocks(comparison: Comparison) -> Iterator[Table]:
    """The same in tables that are narrower."""
    for title, columns in _BLOCKS.items():
        yield _summaries(comparison, title, columns)


def _summaries(comparison: Comparison, title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    _policies(table, comparison)
    for column in columns:
        table.add_column(column, justify="right")
    for summary in comparison.summaries:
        cells = dict(zip(COLUMNS, summary_cells(summary), strict=True))
        table.add_row(summary.policy, *(cells[column] for column in columns))
    return table


def _policies(table: Table, comparison: Comparison) -> None:
    """A row that does not say whose it is says nothing: names are never cut or broken."""
    longest = max(len(summary.policy) for summary in comparison.summaries)
    table.add_column("policy", no_wrap=True, min_width=longest)


def summary_cells(summary: Summary) -> tuple[str, ...]:
    """A policy's figures as words, in the order of COLUMNS."""
    return (
        with_interval(summary.weighted),
        "–" if summary.against is None else with_interval(summary.against, signed=True),
        with_interval(summary.mean),
        _seconds(summary.bound_s),
        _seconds(summary.gap_s),
        str(summary.queued),
        str(summary.preemptions),
        str(summary.moves),
        f"{summary.decision_p99_s * 1000:.2f} ms",
    )


def class_table(comparison: Comparison) -> Table:
    """A row for each policy and priority."""
    table = Table(title="By priority, seconds", title_justify="left")
    table.add_column("priority")
    _policies(table, comparison)
    for column in CLASS_COLUMNS:
        table.add_column(column, justify="right")
    for row in class_rows(comparison):
        table.add_row(*row)
    return table


def class_blocks(comparison: Comparison) -> Iterator[Table]:
    """The same, a table a priority."""
    for priority, rows in groupby(class_rows(comparison), key=itemgetter(0)):
        table = Table(title=f"Priority {priority}, seconds", title_justify="left")
        _policies(table, comparison)
        for column in CLASS_COLUMNS:
            table.add_column(column, justify="right")
        for _, *cells in rows:
            table.add_row(*cells)
        yield table


def class_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The cells of class_table: priority, policy, then CLASS_COLUMNS."""
    rows: list[tuple[str, ...]] = []
    for priority in sorted({p for summary in comparison.summaries for p in summary.classes}):
        for summary in comparison.summaries:
            found = summary.classes[priority]
            over = "–" if found.over_target is None else f"{100 * found.over_target:.1f} %"
            times = (found.mean_s, found.p50_s, found.p90_s, found.p95_s)
            cells = (f"{seconds:.0f}" for seconds in times)
            rows.append((str(priority), summary.policy, str(found.calls), *cells, over))
    return rows


def method(comparison: Comparison) -> str:
    """How it was played and what the intervals mean, in a few sentences."""
    several = len(comparison.scenarios) > 1
    observation = "each scenario (its seeds' mean)" if several else "each seed"
    targets = ", ".join(f"p{p} {seconds:g} s" for p, seconds in sorted(comparison.targets.items()))
    return (
        f"{len(comparison.scenarios)} scenarios, {comparison.replicates} plays a policy. "
        f"± is the half width of the {100 * LEVEL:.0f} % interval (Student's t, paired by play); "
        f"{observation} is one observation. Targets: {targets or 'none'}. The bound is a lower "
        "bound on the weighted response of any policy with as many moves and preemptions, all "
        "calls known ahead."
    )


def verdict(comparison: Comparison) -> str:
    """Which policy is to be the default, and by what rule."""
    rule = (
        "the least weighted response, with the lowest class's p95 at most "
        f"{100 * LOWEST_CLASS_SLACK:.0f} % above closest_idle's"
    )
    if comparison.default is None:
        return f"No default chosen ({rule}): closest_idle is not among the policies."
    return f"Default: {comparison.default} ({rule})."


def with_interval(found: Interval, *, signed: bool = False) -> str:
    """`412.3 ± 8.1`, or without what is not known."""
    mean = f"{found.mean:+.1f}" if signed else f"{found.mean:.1f}"
    return mean if found.half is None else f"{mean} ± {found.half:.1f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
