"""Units by column, for policies that weigh many of them at once.

Making the columns costs more than most decisions that are read from them, and between two decisions
few units have changed. So the columns of the last few fleets are kept, and those of a new one are
made from one of them, unit by unit where it is another object. They are a function of the units
alone: what was remembered only changes how long it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter, is_not

import numpy as np
import numpy.typing as npt

from actors.domain.dispatch.situation import BusyUnit, FreeUnit, Waiting
from actors.domain.dispatch.suitability import suits
from actors.domain.task import ON_THE_WAY
from actors.domain.values import Location

Array = npt.NDArray[np.float64]
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

    `points`: where each is, x, y, z on the unit sphere. The rest is for busy ones alone: `ends`,
    where each will be free, and `free_at`; `priority`; `preempted`; `coming`, 1 where it is still
    on its way.
    """

    __slots__ = ("_cells", "_kinds", "_suited", "at", "units")

    def __init__(
        self,
        units: tuple[Unit, ...],
        at: dict[str, int],
        cells: Array,
        kinds: _Kinds,
    ) -> None:
        self.units = units
        self.at = at
        self._cells = cells
        self._kinds = kinds
        self._suited: dict[Kind, Mask] = {}

    @property
    def points(self) -> Array:
        return self._cells[1:4]

    @property
    def ends(self) -> Array:
        return self._cells[4:7]

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
            mask = self._kinds.suiting(case)[self._cells[0].astype(np.intp)]
            self._suited[kind] = mask
        return mask

    def suiting_any(self, cases: Sequence[Waiting]) -> Mask:
        """One truth value a unit: whether it suits one of them."""
        found: Mask = np.zeros(len(self.units), dtype=np.bool_)
        for case in {(case.needs, case.vehicles): case for case in cases}.values():
            found |= self.suiting(case)
        return found

    def in_order(self, wanted: Mask) -> list[int]:
        """The rows of those wanted, by id: an order that does not depend on what was shown."""
        units = self.units
        return sorted(wanted.nonzero()[0].tolist(), key=lambda row: units[row].unit)

    def made_of(self, units: tuple[Unit, ...]) -> Fleet | None:
        """The columns of others, from these; None where it is not worth it."""
        old = self.units
        if type(units[0]) is not type(old[0]) or len(self._kinds) > _MAX_KINDS:
            return None
        both = min(len(units), len(old))
        changed = list(compress(range(both), map(is_not, units, old)))
        changed += range(both, len(units))
        if 2 * len(changed) > len(units):
            return None
        cells = self._cells
        if changed:
            fresh = [units[row] for row in changed]
            cells = np.empty((len(cells), len(units)))
            cells[:, :both] = self._cells[:, :both]
            cells[:, changed] = _cells(fresh, self._kinds)
        elif both < len(old):
            cells = np.ascontiguousarray(cells[:, :both])
        at = self.at
        gone = [old[row].unit for row in changed if row < both] + [u.unit for u in old[both:]]
        come = [units[row].unit for row in changed]
        if gone != come:
            at = dict(at)
            for id_ in gone:
                del at[id_]
            at.update(zip(come, changed, strict=True))
        made = Fleet(units, at, cells, self._kinds)
        if both == len(units) == len(old) and (cells[0] == self._cells[0]).all():
            made._suited = self._suited  # the same kinds of crews in the same places
        return made


class _Kinds:
    """Which crews there are, numbered as they come, and which suit what."""

    __slots__ = ("_number", "_suited", "_units")

    def __init__(self) -> None:
        self._number: dict[tuple[tuple[str, ...], str], int] = {}
        self._units: list[Unit] = []
        self._suited: dict[Kind, list[bool]] = {}

    def __len__(self) -> int:
        return len(self._units)

    def of(self, unit: Unit) -> int:
        key = (unit.skills, unit.vehicle)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._units)
            self._units.append(unit)
        return number

    def suiting(self, case: Waiting) -> Mask:
        kind = (case.needs, case.vehicles)
        suited = self._suited.get(kind)
        if suited is None:
            if len(self._suited) >= _MAX_KINDS:
                self._suited.clear()
            suited = self._suited[kind] = []
        suited += [suits(unit, case) for unit in self._units[len(suited) :]]
        return np.array(suited, dtype=np.bool_)


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
    first = wanted[0].unit
    for known in kept:
        if first in known.at and (found := known.made_of(wanted)) is not None:
            break
    if found is None:
        kinds = _Kinds()
        found = Fleet(wanted, _numbered(wanted), _cells(wanted, kinds), kinds)
    _kept = [found, *kept[: _KEPT - 1]]
    return found


def on_sphere(places: Sequence[Location]) -> Array:
    """Points on the unit sphere, one column a place."""
    degrees = np.array([[place.lat for place in places], [place.lon for place in places]])
    lat, lon = np.radians(degrees)
    level = np.cos(lat)
    return np.array((level * np.cos(lon), level * np.sin(lon), np.sin(lat)))


def _numbered(units: Sequence[Unit]) -> dict[str, int]:
    return dict(zip(map(_id, units), range(len(units)), strict=True))


def _cells(units: Sequence[Unit], kinds: _Kinds) -> Array:
    """A row for the kind of crew, three for where it is, and what is known of a busy one."""
    busy = [unit for unit in units if isinstance(unit, BusyUnit)]
    places = list(map(_location, units))
    places += [unit.free_where for unit in busy]
    points = on_sphere(places)
    cells = np.empty((11 if busy or not units else 4, len(units)))
    cells[0] = [kinds.of(unit) for unit in units]
    cells[1:4] = points[:, : len(units)]
    if busy:
        cells[4:7] = points[:, len(units) :]
        cells[7:] = np.array(
            [
                (unit.free_at, unit.priority, unit.preempted, unit.step in _ON_ITS_WAY)
                for unit in busy
            ]
        ).T
    return cells


_NOBODY = Fleet((), {}, _cells((), _Kinds()), _Kinds())
