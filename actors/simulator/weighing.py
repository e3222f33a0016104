"""Response times weighed by priority: what policies are compared by."""

from __future__ import annotations

from collections.abc import Iterable

from actors.domain.dispatch.weights import weight
from actors.simulator.result import Result


def weighted_mean(responses: Iterable[tuple[int, float]]) -> float:
    """Of (priority, seconds) pairs, each counted `weight(priority)` times; 0 of none."""
    total = weights = 0.0
    for priority, seconds in responses:
        total += weight(priority) * seconds
        weights += weight(priority)
    return total / weights if weights else 0.0


def weighted_response(result: Result) -> float:
    """Of a run, seconds."""
    return weighted_mean((row.priority, row.response_s) for row in result.rows)
