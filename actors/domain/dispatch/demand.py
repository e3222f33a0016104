"""Where calls come from: an estimate learnt call by call, for the policies that look ahead.

The city is cut into square cells, and the day into four blocks of six hours (demand at night is
elsewhere than at noon). Each call adds one to its cell, and every count halves in a week, so that
the estimate follows the city without a fit. A block borrows from the others, for a quarter of a
week's calls is thin for most cells. Cells begin at half a kilometre and double whenever there are
more than a set number, so that the estimate stays small for a city, a state, or a simulated plane.

No forecast of how many calls will come is made: the policies use shares. That time of day and
place must be learnt together, and that a week back says most: Zhou, Matteson, Woodard, Henderson,
Micheas 2015, arXiv:1401.5547.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import floor
from typing import overload

from msgspec import Struct

from actors.domain.dispatch.situation import Hotspot
from actors.domain.values import Location

_CELL_DEG = 0.005
_HALF_LIFE_S = 7 * 86_400.0
_BLOCK_S = 6 * 3_600.0
_BLOCKS = 4
_BLOCK_CHARS = 2
# What a call at another time of day says about this one.
_OTHER_BLOCK = 0.25
# Cells in all blocks together. A city of 12 by 12 km comes to rest at cells of about a kilometre,
# fine against the 5 km that a unit covers in eight minutes.
_MAX_CELLS = 512
_MAX_HOTSPOTS = 128
# Calls of so long are counted together, or of a flood so many: the estimate forgets over days.
_STEP_S = 300.0
_RECENT = 128


class Cell(Struct, frozen=True):
    """Calls counted in one cell and block of the day, as of `at`. `location`: of its first call."""

    weight: float
    at: float
    location: Location


class Demand(Struct, frozen=True):
    """The estimate. `cells` is keyed "block:row:column" and never changed in place.

    `recent`: calls of one and the same few minutes, not yet in `cells`. They are put there together
    by the first call of other minutes, so that `cells`, and all that is read from them, is the same
    for minutes even while a call comes each second.
    """

    cell_deg: float = _CELL_DEG
    cells: Mapping[str, Cell] = {}
    recent: tuple[Cell, ...] = ()

    def with_call(self, location: Location, at: float) -> Demand:
        """What is known after a call from there at `at`; calls may come in any order."""
        call = Cell(1.0, at, location)
        before = self
        if self.recent and (_step(at) != _step(self.recent[0].at) or len(self.recent) >= _RECENT):
            before = self.settled()
        demand = Demand(before.cell_deg, before.cells, (*before.recent, call))
        # The very first says more than that nothing is known.
        return demand if demand.cells else demand.settled()

    def settled(self) -> Demand:
        """The same with the recent calls in their cells."""
        cells = dict(self.cells)
        for call in self.recent:
            key = self._key(_block(call.at), call.location)
            cells[key] = _added(cells.get(key), call)
        demand = Demand(self.cell_deg, cells)
        while len(demand.cells) > _MAX_CELLS:
            demand = demand._coarser()
        return demand

    def hotspots(self, now: float) -> tuple[Hotspot, ...]:
        """The heaviest places at this time of day, heaviest first; weights sum to 1 or less.

        Of `cells` alone: calls of the last minutes say nothing yet.
        """
        here = f"{_block(now)}:"
        weights: dict[str, float] = {}
        heaviest: dict[str, tuple[float, Location]] = {}
        # Hundreds of cells, in one decision: _faded written out, and each looked up once.
        for key, cell in self.cells.items():
            age_s = now - cell.at
            weight = cell.weight * 0.5 ** ((age_s if age_s > 0.0 else 0.0) / _HALF_LIFE_S)
            if not key.startswith(here):
                weight *= _OTHER_BLOCK
            place = key[_BLOCK_CHARS:]
            known = heaviest.get(place)
            if known is None:
                weights[place] = weight
                heaviest[place] = (weight, cell.location)
                continue
            weights[place] += weight
            if weight > known[0]:
                heaviest[place] = (weight, cell.location)
        total = sum(weights.values())
        first = sorted((-weight, place) for place, weight in weights.items() if weight > 0.0)
        return tuple(
            [
                Hotspot(heaviest[place][1], -weight / total)
                for weight, place in first[:_MAX_HOTSPOTS]
            ]
        )

    def _key(self, block: str | int, location: Location) -> str:
        row, column = floor(location.lat / self.cell_deg), floor(location.lon / self.cell_deg)
        return f"{block}:{row}:{column}"

    def _coarser(self) -> Demand:
        """The same counts in cells of twice the width."""
        wider = Demand(self.cell_deg * 2.0)
        cells: dict[str, Cell] = {}
        for old, cell in self.cells.items():
            key = wider._key(old.partition(":")[0], cell.location)
            cells[key] = _added(cells.get(key), cell)
        return Demand(wider.cell_deg, cells)


class Expected(Sequence[Hotspot]):
    """The hotspots of a moment, found when somebody first looks: it takes as long as a decision,
    and while somebody waits who gets no unit, nobody looks."""

    __slots__ = ("_at", "_demand", "_found")

    def __init__(self, demand: Demand, at: float) -> None:
        self._demand = demand
        self._at = at
        self._found: tuple[Hotspot, ...] | None = None

    def _hotspots(self) -> tuple[Hotspot, ...]:
        if self._found is None:
            self._found = self._demand.hotspots(self._at)
        return self._found

    def __len__(self) -> int:
        return len(self._hotspots())

    @overload
    def __getitem__(self, at: int) -> Hotspot: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Hotspot, ...]: ...
    def __getitem__(self, at: int | slice) -> Hotspot | tuple[Hotspot, ...]:
        return self._hotspots()[at]

    def __iter__(self) -> Iterator[Hotspot]:
        return iter(self._hotspots())


def _added(known: Cell | None, more: Cell) -> Cell:
    if known is None:
        return more
    at = max(known.at, more.at)
    return Cell(_faded(known, at) + _faded(more, at), at, known.location)


def _faded(cell: Cell, now: float) -> float:
    return float(cell.weight * 0.5 ** (max(0.0, now - cell.at) / _HALF_LIFE_S))


def _step(at: float) -> int:
    return floor(at / _STEP_S)


def _block(at: float) -> int:
    return floor(at / _BLOCK_S) % _BLOCKS
