"""A made-up city with a day of calls. The same choices, the same bytes.

A square on a plane: hot spots of demand, stations in the middles of demand (k-means, so that they
stand as a service would put them), hospitals at the strongest hot spots, calls by hour and place.
Service times are lognormal, as they are found to be; priorities and their needs are drawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from actors.domain.triage import ALS_UP_TO
from actors.domain.values import ALS, BLS
from actors.simulator.demand_profile import HotSpot, hot_spots, when, where
from actors.simulator.from_calls import TARGETS
from actors.simulator.writer import Draft, DraftCall, DraftPlace, DraftUnit

# Shares of the classes 1 to 4: those of ambulance calls in England (NHS AmbSYS, rounded).
_MIX: Final = (0.10, 0.55, 0.25, 0.10)
_TRANSPORTED: Final = (0.75, 0.65, 0.55, 0.45)
# Median seconds and sigma of the logarithm; the medians are those of two weeks of San Francisco.
_ON_SCENE: Final = (1080.0, 0.55)
_HANDOVER: Final = (2100.0, 0.45)
_CELL_M: Final = 500.0
# Enough points to find the middles of demand by, few enough to take no time.
_SAMPLE: Final = 2000
_KMEANS_ROUNDS: Final = 20


class CityChoices(Struct, frozen=True, kw_only=True):
    """`als_share`: of the units. `speed_mps`: along the straight line.

    `spots`: hot spots of demand. Raises nothing: `generate` does.
    """

    seed: int
    hours: float = 24.0
    calls_per_hour: float = 10.0
    units: int = 20
    stations: int = 8
    hospitals: int = 3
    size_km: float = 12.0
    spots: int = 5
    als_share: float = 0.6
    speed_mps: float = 8.0


def generate(choices: CityChoices) -> Draft:
    """The city. Raises ValueError with what was chosen badly."""
    _check(choices)
    # Streams of their own: the city stays the same when a day is longer or busier.
    of_city, of_calls = (
        np.random.Generator(np.random.PCG64(seed))
        for seed in np.random.SeedSequence(choices.seed).spawn(2)
    )
    size_m = choices.size_km * 1000
    spots = hot_spots(choices.spots, size_m, of_city)
    stations = _middles(where(spots, _SAMPLE, size_m, of_city), choices.stations)
    hospitals = _hospitals(spots, choices.hospitals, size_m, of_city)
    places = [
        *(DraftPlace(f"station-{n}", *_rounded(at)) for n, at in enumerate(stations, start=1)),
        *(DraftPlace(f"hospital-{n}", *_rounded(at)) for n, at in enumerate(hospitals, start=1)),
    ]
    fixed = len(places)
    calls, cells = _calls(choices, spots, of_calls)
    return Draft(
        name=f"generated-{choices.seed}",
        planar=True,
        places=(*places, *cells),
        units=_units(choices),
        hospitals=tuple(place.id for place in places[len(stations) : fixed]),
        calls=calls,
        speed_mps=choices.speed_mps,
        targets=TARGETS,
    )


def _check(choices: CityChoices) -> None:
    at_least_one = ("units", "stations", "hospitals", "spots")
    small = [name for name in at_least_one if getattr(choices, name) < 1]
    if small:
        raise ValueError(f"at least one of {', '.join(small)}")
    positive = ("hours", "calls_per_hour", "size_km", "speed_mps")
    small = [name for name in positive if not getattr(choices, name) > 0]
    if small:
        raise ValueError(f"more than 0 for {', '.join(small)}")
    if not 0 < choices.als_share <= 1:
        # Without one, a call that needs it would wait for ever.
        raise ValueError("als_share is above 0 and up to 1")
    if choices.stations > _SAMPLE:
        raise ValueError(f"at most {_SAMPLE} stations")


def _units(choices: CityChoices) -> tuple[DraftUnit, ...]:
    """Round the stations; levels spread evenly over the sequence, the first ALS."""
    share = choices.als_share
    return tuple(
        DraftUnit(
            f"unit-{n + 1}",
            f"station-{n % choices.stations + 1}",
            (ALS, BLS) if n == 0 or int((n + 1) * share) > int(n * share) else (BLS,),
        )
        for n in range(choices.units)
    )


def _calls(
    choices: CityChoices, spots: tuple[HotSpot, ...], random: np.random.Generator
) -> tuple[tuple[DraftCall, ...], tuple[DraftPlace, ...]]:
    """The calls, and the cells that they come from."""
    at = when(choices.hours, choices.calls_per_hour, random)
    number = len(at)
    cells = np.floor(where(spots, number, choices.size_km * 1000, random) / _CELL_M).astype(int)
    priorities = random.choice(4, number, p=_MIX)
    transported = random.uniform(size=number) < np.array(_TRANSPORTED)[priorities]
    on_scene = _lognormal(_ON_SCENE, number, random)
    handover = _lognormal(_HANDOVER, number, random)
    calls = tuple(
        DraftCall(
            id=f"call-{n + 1}",
            at_s=round(float(at[n]), 3),
            location=_cell_id(cells[n]),
            priority=int(priorities[n]) + 1,
            on_scene_s=round(float(on_scene[n]), 1),
            transport=bool(transported[n]),
            handover_s=round(float(handover[n]), 1) if transported[n] else 0.0,
            needs=(ALS if priorities[n] < ALS_UP_TO else BLS,),
        )
        for n in range(number)
    )
    found = sorted({tuple(cell) for cell in cells.tolist()})
    middles = (
        DraftPlace(_cell_id(cell), (cell[0] + 0.5) * _CELL_M, (cell[1] + 0.5) * _CELL_M)
        for cell in found
    )
    return calls, tuple(middles)


def _cell_id(cell: NDArray[np.int64] | tuple[int, ...]) -> str:
    return f"cell-{cell[0]}-{cell[1]}"


def _lognormal(
    shape: tuple[float, float], number: int, random: np.random.Generator
) -> NDArray[np.float64]:
    median, sigma = shape
    return random.lognormal(np.log(median), sigma, number)


def _middles(points: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """`number` places that points are near to: Lloyd's k-means, begun from the first points."""
    middles = points[:number].copy()
    for _ in range(_KMEANS_ROUNDS):
        far = np.linalg.norm(points[:, None, :] - middles[None, :, :], axis=2)
        nearest = far.argmin(axis=1)
        for n in range(number):
            mine = points[nearest == n]
            if len(mine):
                middles[n] = mine.mean(axis=0)
    return middles


def _hospitals(
    spots: tuple[HotSpot, ...], number: int, size_m: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """At the strongest hot spots; where there are more hospitals, anywhere in the inner city."""
    at = [(spot.x_m, spot.y_m) for spot in spots[:number]]
    more = random.uniform(0.2 * size_m, 0.8 * size_m, (number - len(at), 2))
    return np.concatenate([np.array(at), more])


def _rounded(at: NDArray[np.float64]) -> tuple[float, float]:
    return round(float(at[0]), 1), round(float(at[1]), 1)
