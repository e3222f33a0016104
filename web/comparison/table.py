"""A comparison on the terminal."""

from __future__ import annotations

from rich.table import Table

from actors.simulator.comparison import LOWEST_CLASS_SLACK, Comparison, Summary
from actors.simulator.confidence import LEVEL, Interval


def summary_table(comparison: Comparison) -> Table:
    """A row a policy: seconds of response, weighed by priority, and what it took."""
    table = Table(title="Response, seconds", title_justify="left")
    table.add_column("policy")
    for column in ("weighted", "less baseline", "mean", "bound", "gap"):
        table.add_column(column, justify="right")
    for column in ("queued", "preempted", "moves", "decision p99"):
        table.add_column(column, justify="right")
    for summary in comparison.summaries:
        table.add_row(summary.policy, *summary_cells(summary))
    return table


def summary_cells(summary: Summary) -> tuple[str, ...]:
    """A policy's figures as words, in the order of summary_table's columns after the name."""
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
    for column in ("priority", "policy"):
        table.add_column(column)
    for column in ("calls", "mean", "p50", "p90", "p95", "over target"):
        table.add_column(column, justify="right")
    for row in class_rows(comparison):
        table.add_row(*row)
    return table


def class_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The cells of class_table."""
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
