"""Confidence intervals of means, and of differences of paired ones: Student's t."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct
from scipy import stats

LEVEL = 0.95


class Interval(Struct, frozen=True):
    """A mean and the half width of its interval, None where one observation has none."""

    mean: float
    half: float | None

    @property
    def clear(self) -> bool:
        """Whether it leaves out zero."""
        return self.half is not None and abs(self.mean) > self.half


def interval(values: Sequence[float]) -> Interval:
    """Of independent observations, at least one: mean ± t(n - 1) s / sqrt(n) at LEVEL.

    Of differences between pairs it is the paired t interval: what the days do to both is out.
    """
    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean, None)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1))
    return Interval(mean, quantile * stdev(values) / sqrt(len(values)))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Of ours less theirs, observation by observation. Raises ValueError if not as many."""
    return interval([a - b for a, b in zip(ours, theirs, strict=True)])
