"""What a replay has to say at its end: a table, and one line for machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct
from rich.table import Table

from web.replay.eta import ArrivalError
from web.replay.ledger import Outcome, Verdict, percentile


class Result(Struct, frozen=True, kw_only=True):
    """All that is shown. `latencies_s` are real and sorted; `outcomes` have times on the wall."""

    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    speed: float
    offers: Mapping[str, int]
    latencies_s: list[float]
    waited: int
    imputed: int
    unacknowledged: int
    reconnects: int
    gaps: int
    retries: int
    positions: int
    dirty: Mapping[str, int]
    skipped: int
    took_s: float
    arrivals: tuple[ArrivalError, ...] = ()

    @property
    def good(self) -> bool:
        return self.verdict.whole and not self.unacknowledged


def last_line(result: Result) -> str:
    """`replay: calls N assigned N lost N double N …`"""
    verdict = result.verdict
    return (
        f"replay: calls {verdict.acknowledged} assigned {verdict.assigned} "
        f"lost {len(verdict.lost)} double {len(verdict.double)} "
        f"unacknowledged {result.unacknowledged} declined {result.offers.get('declined', 0)} "
        f"expired {result.offers.get('expired', 0)} reconnects {result.reconnects} "
        f"gaps {result.gaps}"
    )


def by_priority(
    outcomes: Iterable[Outcome], speed: float
) -> dict[int, tuple[list[float], list[float]]]:
    """Sorted virtual seconds from raise to assignment, and to arrival, by priority."""
    found: defaultdict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for one in outcomes:
        assigned, arrived = found[one.priority]
        if one.assigned_at is not None:
            assigned.append((one.assigned_at - one.raised_at) * speed)
        if one.on_scene_at is not None:
            arrived.append((one.on_scene_at - one.raised_at) * speed)
    for times in found.values():
        for values in times:
            values.sort()
    return dict(sorted(found.items()))


def response_table(result: Result) -> Table:
    """Calls and virtual times by priority."""
    counted = Counter(one.priority for one in result.outcomes)
    table = Table(title="From raise, in virtual time", title_justify="left")
    table.add_column("priority")
    for column in ("calls", "assigned p50", "p90", "on scene p50", "p90"):
        table.add_column(column, justify="right")
    for priority, (assigned, arrived) in by_priority(result.outcomes, result.speed).items():
        cells = (
            _clock(percentile(times, rank)) for times in (assigned, arrived) for rank in (50, 90)
        )
        table.add_row(str(priority), str(counted[priority]), *cells)
    return table


def arrivals_table(result: Result) -> Table:
    """What was said of the arrival, by how long before it."""
    table = Table(title="Error of the arrival estimate, in virtual seconds", title_justify="left")
    table.add_column("minutes before")
    table.add_column("said")
    for column in ("samples", "mean error", "bias", "p90"):
        table.add_column(column, justify="right")
    for one in result.arrivals:
        first, end = one.minutes
        for name, error in (
            ("at assignment", one.assigned),
            ("by the map, from where it is", one.travel),
            ("live", one.live),
        ):
            table.add_row(
                f"{first} to {end}",
                name,
                str(one.samples),
                f"{error.mean_absolute:.0f}",
                f"{error.bias:+.0f}",
                f"{error.p90_absolute:.0f}",
                end_section=name == "live",
            )
    return table


def figures_table(result: Result) -> Table:
    """All the rest."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    offers = result.offers
    answered = ", ".join(f"{name} {offers[name]}" for name in sorted(offers)) or "none"
    first, last = (percentile(result.latencies_s, rank) for rank in (50, 99))
    table.add_row("offers", answered)
    table.add_row("calls that found no free unit", str(result.waited))
    table.add_row(
        "POST to device frame, real",
        f"p50 {_milliseconds(first)}  p99 {_milliseconds(last)}  ({len(result.latencies_s)} calls)",
    )
    table.add_row("sockets cut / gaps", f"{result.reconnects} / {result.gaps}")
    table.add_row("requests repeated", str(result.retries))
    table.add_row("positions sent", str(result.positions))
    table.add_row("calls nobody reached then", f"{result.imputed} (their service is made up)")
    dirty = ", ".join(f"{reason} {count}" for reason, count in sorted(result.dirty.items()))
    table.add_row("dirty rows", f"{dirty or 'none'}; {result.skipped} not used")
    table.add_row("took", f"{result.took_s:.0f} s")
    return table


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.1f} ms"
