"""When and where a made-up city calls: a curve over the day, and hot spots on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

DAY_S: Final = 86_400.0

# Calls by hour of day, relative: quietest before dawn, three times that from noon to evening, the
# shape that emergency medical services see everywhere.
HOURLY: Final = (
    0.70, 0.60, 0.52, 0.46, 0.44, 0.48, 0.60, 0.82, 1.02, 1.16, 1.26, 1.32,
    1.36, 1.36, 1.34, 1.32, 1.34, 1.36, 1.34, 1.26, 1.16, 1.04, 0.92, 0.82,
)  # fmt: skip

# A fifth of the calls come from anywhere, so that no part of a city is without any.
_SPREAD_SHARE: Final = 0.2


class HotSpot(Struct, frozen=True):
    """A round hill of demand: its middle and standard deviation, metres; its share of calls."""

    x_m: float
    y_m: float
    deviation_m: float
    share: float


def hot_spots(number: int, size_m: float, random: np.random.Generator) -> tuple[HotSpot, ...]:
    """`number` of them, the first the strongest, in the inner four fifths of a square city."""
    middles = random.uniform(0.1 * size_m, 0.9 * size_m, (number, 2))
    deviations = random.uniform(0.03 * size_m, 0.09 * size_m, number)
    # Sizes of a city's centres fall about as their rank (Zipf).
    shares = 1.0 / np.arange(1, number + 1)
    shares *= (1 - _SPREAD_SHARE) / shares.sum()
    return tuple(
        HotSpot(float(x), float(y), float(deviation), float(share))
        for (x, y), deviation, share in zip(middles, deviations, shares, strict=True)
    )


def where(
    spots: Sequence[HotSpot], number: int, size_m: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """`number` points (x, y) of demand, metres, within the city."""
    shares = [spot.share for spot in spots]
    of = random.choice(len(spots) + 1, number, p=[*shares, 1 - sum(shares)])
    anywhere = random.uniform(0, size_m, (number, 2))
    around = np.array([[s.x_m, s.y_m, s.deviation_m] for s in spots] + [[0.0, 0.0, 0.0]])[of]
    near = around[:, :2] + around[:, 2:] * random.standard_normal((number, 2))
    points = np.where((of == len(spots))[:, None], anywhere, near)
    clipped: NDArray[np.float64] = np.clip(points, 0, size_m)
    return clipped


def when(hours: float, per_hour: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Times of calls, seconds from midnight, rising: a Poisson process under the day's curve.

    `per_hour` is the mean over a whole day. By thinning (Lewis and Shedler 1979,
    doi:10.1002/nav.3800260304).
    """
    curve = np.array(HOURLY) / np.mean(HOURLY)
    peak = per_hour * curve.max()
    candidates = np.sort(random.uniform(0, hours * 3600, random.poisson(peak * hours)))
    now = curve[(candidates % DAY_S // 3600).astype(int)] * per_hour
    kept: NDArray[np.float64] = candidates[random.uniform(0, peak, len(candidates)) < now]
    return kept
