"""The picture of a replay: response times by priority, and how many units were busy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from web.replay.clock import VirtualClock
from web.replay.ledger import Engagement, percentile
from web.replay.report import Result, by_priority

_WIDTH_IN, _HEIGHT_IN, _DPI = 9.0, 7.0, 110
_REACH_OF_P90 = 3.0
_COLOURS = {1: "#b3261e", 2: "#e07a1f", 3: "#2a6fb0", 4: "#5f6b76"}


def busy_steps(
    engagements: Iterable[Engagement], clock: VirtualClock, until: float
) -> tuple[list[float], list[int]]:
    """Times (virtual) at which the number of busy units changes, and the number from then on."""
    changes: list[tuple[float, int]] = []
    for one in engagements:
        changes.append((clock.at(one.began_at), 1))
        changes.append((until if one.ended_at is None else clock.at(one.ended_at), -1))
    times: list[float] = []
    counts: list[int] = []
    busy = 0
    for at, change in sorted(changes):
        busy += change
        times.append(at)
        counts.append(busy)
    return times, counts


def draw(
    file: Path,
    result: Result,
    engagements: Sequence[Engagement],
    clock: VirtualClock,
    zone: tzinfo = UTC,
) -> None:
    """Write the PNG."""
    # Here, for it takes half a second and most runs want no picture; Agg needs no display.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import dates, pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(_WIDTH_IN, _HEIGHT_IN), dpi=_DPI, layout="constrained"
    )
    for priority, (_, arrived) in by_priority(result.outcomes, result.speed).items():
        if arrived:
            minutes = [seconds / 60 for seconds in arrived]
            shares = [100 * (n + 1) / len(minutes) for n in range(len(minutes))]
            label = f"priority {priority} ({len(minutes)})"
            upper.step(minutes, shares, where="post", label=label, color=_COLOURS.get(priority))
    upper.set(
        xlabel="minutes from raise to arrival (virtual)",
        ylabel="% of calls",
        ylim=(0, 100),
        xlim=(0, _reach(result)),
        title=f"Response times at speed {result.speed:g}",
    )
    if upper.get_legend_handles_labels()[0]:
        upper.legend(loc="lower right")
    times, counts = busy_steps(engagements, clock, clock.now())
    moments = [datetime.fromtimestamp(at, zone) for at in times]
    lower.step(moments, counts, where="post", color="#1d5c4d")
    lower.fill_between(moments, counts, step="post", alpha=0.2, color="#1d5c4d")
    lower.set(ylabel="units busy", title="Units busy over virtual time")
    lower.set_ylim(bottom=0)
    locator = dates.AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]  # matplotlib does not say
    lower.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]  # matplotlib does not say
    lower.xaxis.set_major_formatter(formatter)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png")
    pyplot.close(figure)


def _reach(result: Result) -> float:
    """Minutes to show. Offers that expire take hours at high speeds, and would squeeze the rest."""
    arrived = sorted(
        (one.on_scene_at - one.raised_at) * result.speed / 60
        for one in result.outcomes
        if one.on_scene_at is not None
    )
    ninth = percentile(arrived, 90)
    return max(1.0, min(_REACH_OF_P90 * ninth, arrived[-1] * 1.05)) if ninth else 1.0
