"""Units by column, for policies that weigh many of them at once.

Making the columns costs more than most decisions that are read from them, and between two decisions
few units have changed. So the columns of the last few fleets are kept, and those of a new one are
made from one of them, unit by unit where it is another object. They are a function of the units
alone: what was remembered only changes how long it takes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from actors.domain.dispatch.difference import differing
from actors.domain.dispatch.situation import BusyUnit, FreeUnit, Waiting
from actors.domain.dispatch.suitability import suits
from actors.domain.places import Array, on_sphere
from actors.domain.task import ON_THE_WAY

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Unit = FreeUnit | BusyUnit
Kind = tuple[tuple[str, ...], tuple[str, ...]]

# The free and the busy units of four regions, or of one at four moments.
_KEPT = 8
# Of crews, and of needs: there are a handful of each. Beyond, they are counted anew.
_MAX_KINDS = 256
_ON_ITS_WAY = frozenset(ON_THE_WAY)
_id = attrgetter("unit")
_location = attrgetter("location")


class Fleet:
    """Columns of `units`, in their order; a unit's is `at[its id]`. Arrays are not to be changed.

    `points`: where each is, x, y, z on the unit sphere; `stations`: of free ones. The rest is for
    busy ones alone: `ends`, where each will be free, and `free_at`; `priority`; `preempted`;
    `coming`, 1 where it is still on its way.
    """

    __slots__ = ("_at", "_by_id", "_cells", "_crews", "_kinds", "_suited", "units")

    def __init__(
        self,
        units: tuple[Unit, ...],
        cells: Array,
        kinds: _Kinds,
    ) -> None:
        self.units = units
        self._cells = cells
        self._kinds = kinds
        self._suited: dict[Kind, Mask] = {}
        self._crews: Rows | None = None  # the kind of each
        # Where each is, and the rows in the order of the ids: once they are asked for.
        self._at: dict[str, int] | None = None
        self._by_id: array[int] | None = None

    @property
    def at(self) -> dict[str, int]:
        if self._at is None:
            self._at = dict(zip(map(_id, self.units), range(len(self.units)), strict=True))
        return self._at

    @property
    def points(self) -> Array:
        return self._cells[1:4]

    @property
    def ends(self) -> Array:
        return self._cells[4:7]

    @property
    def stations(self) -> tuple[Rows, Sequence[str | None]]:
        """Of free ones: each one's station as a number, and what these stand for."""
        return self._row(4).astype(np.intp), list(self._kinds.stations)

    @property
    def free_at(self) -> Array:
        return self._row(7)

    @property
    def priority(self) -> Array:
        return self._row(8)

    @property
    def preempted(self) -> Array:
        return self._row(9)

    @property
    def coming(self) -> Array:
        return self._row(10)

    def _row(self, row: int) -> Array:
        cells: Array = self._cells[row]
        return cells

    def suiting(self, case: Waiting) -> Mask:
        """One truth value a unit: whether it suits the emergency, willing or not."""
        kind = (case.needs, case.vehicles)
        mask = self._suited.get(kind)
        if mask is None:
            if len(self._suited) >= _MAX_KINDS:
                self._suited.clear()
            if self._crews is None:
                self._crews = self._cells[0].astype(np.intp)
            mask = self._kinds.suiting(case)[self._crews]
            self._suited[kind] = mask
        return mask

    def suiting_any(self, cases: Sequence[Waiting]) -> Mask:
        """One truth value a unit: whether it suits one of them."""
        found: Mask = np.zeros(len(self.units), dtype=np.bool_)
        for case in {(case.needs, case.vehicles): case for case in cases}.values():
            found |= self.suiting(case)
        return found

    def in_order(self, wanted: Mask) -> Rows:
        """The rows of those wanted, by id: an order that does not depend on what was shown."""
        if self._by_id is None:
            self._by_id = array("q", sorted(range(len(self.units)), key=self._id_in))
        rows = np.frombuffer(self._by_id, dtype=np.int64)
        found: Rows = rows[wanted[rows]]
        return found

    def _id_in(self, row: int) -> str:
        return self.units[row].unit

    def made_of(self, units: tuple[Unit, ...]) -> Fleet | None:
        """The columns of others, from these; None where it is not worth it."""
        old = self.units
        if type(units[0]) is not type(old[0]) or len(self._kinds) > _MAX_KINDS:
            return None
        both = min(len(units), len(old))
        changed = differing(old, units)
        changed += range(both, len(units))
        if 2 * len(changed) > len(units):
            return None
        fresh = [units[row] for row in changed]
        cells = self._cells
        same = both == len(units) == len(old)
        if changed:
            made_cells = _cells(fresh, self._kinds)
            # The kinds of crews in their places: who suits what.
            alike = same and bool((made_cells[0] == cells[0].take(changed)).all())
            cells = np.empty((len(cells), len(units)))
            cells[:, :both] = self._cells[:, :both]
            cells[:, changed] = made_cells
        else:
            alike = same
            if not same:
                cells = np.ascontiguousarray(cells[:, :both])
        made = Fleet(units, cells, self._kinds)
        if alike:
            made._suited, made._crews = self._suited, self._crews
        before = [old[row] for row in changed if row < both]
        if same and list(map(_id, before)) == list(map(_id, fresh)):
            made._at, made._by_id = self._at, self._by_id
            return made
        gone = {unit.unit: row for row, unit in zip(changed, before, strict=False)}
        gone.update((old[row].unit, row) for row in range(both, len(old)))
        come = {unit.unit: row for row, unit in zip(changed, fresh, strict=True)}
        made._find(self, dict(gone.items() - come.items()), dict(come.items() - gone.items()))
        return made

    def _find(self, other: Fleet, gone: Collection[str], come: dict[str, int]) -> None:
        """Know what the other knows, whose units were the same but for these, or elsewhere."""
        if other._at is not None:
            self._at = other._at.copy()
            for id_ in gone:
                del self._at[id_]
            self._at.update(come)
        if other._by_id is not None:
            self._by_id = other._by_id[:]
            for id_ in gone:
                del self._by_id[bisect_left(self._by_id, id_, key=other._id_in)]
            for id_, row in come.items():
                self._by_id.insert(bisect_left(self._by_id, id_, key=self._id_in), row)


class _Kinds:
    """Which crews and stations there are, numbered as they come; and which crews suit what."""

    __slots__ = ("_number", "_suited", "_units", "stations")

    def __init__(self) -> None:
        self.stations: dict[str | None, int] = {}
        self._number: dict[tuple[tuple[str, ...], str], int] = {}
        self._units: list[Unit] = []
        self._suited: dict[Kind, Mask] = {}

    def __len__(self) -> int:
        return len(self._units)

    def of(self, unit: Unit) -> int:
        key = (unit.skills, unit.vehicle)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._units)
            self._units.append(unit)
        return number

    def stations_of(self, units: Sequence[Unit]) -> list[int]:
        """Those of free units."""
        known = self.stations
        return [
            known.setdefault(unit.station, len(known))
            for unit in units
            if isinstance(unit, FreeUnit)
        ]

    def suiting(self, case: Waiting) -> Mask:
        kind = (case.needs, case.vehicles)
        suited = self._suited.get(kind)
        if suited is None or len(suited) < len(self._units):
            if len(self._suited) >= _MAX_KINDS:
                self._suited.clear()
            suited = np.array([suits(unit, case) for unit in self._units], dtype=np.bool_)
            self._suited[kind] = suited
        return suited


_kept: list[Fleet] = []


def fleet(units: Sequence[Unit]) -> Fleet:
    """The columns of these units, who are all free or all busy. The same object for the same tuple.

    Threads may ask at once: the list is replaced, never changed, and forgetting is harmless.
    """
    global _kept
    wanted = tuple(units)
    if not wanted:
        return _NOBODY
    kept = _kept
    for known in kept:
        if known.units is wanted:
            return known
    found = None
    for known in kept:
        if _akin(known.units, wanted) and (found := known.made_of(wanted)) is not None:
            break
    if found is None:
        kinds = _Kinds()
        found = Fleet(wanted, _cells(wanted, kinds), kinds)
    _kept = [found, *kept[: _KEPT - 1]]
    return found


def _akin(some: Sequence[Unit], others: Sequence[Unit]) -> bool:
    """Whether they seem to be the same units at another moment."""
    both = min(len(some), len(others))
    return any(some[row].unit == others[row].unit for row in (0, both // 2, both - 1))


def _cells(units: Sequence[Unit], kinds: _Kinds) -> Array:
    """A row for the kind of crew, three for where it is; what is known of free or of busy ones."""
    busy = [unit for unit in units if isinstance(unit, BusyUnit)]
    places = list(map(_location, units))
    places += [unit.free_where for unit in busy]
    points = on_sphere(places)
    cells = np.empty((11 if busy or not units else 5, len(units)))
    cells[0] = [kinds.of(unit) for unit in units]
    cells[1:4] = points[:, : len(units)]
    if not busy:
        cells[4:5] = kinds.stations_of(units)
    else:
        cells[4:7] = points[:, len(units) :]
        cells[7:] = np.array(
            [
                (unit.free_at, unit.priority, unit.preempted, unit.step in _ON_ITS_WAY)
                for unit in busy
            ]
        ).T
    return cells


_NOBODY = Fleet((), _cells((), _Kinds()), _Kinds())
