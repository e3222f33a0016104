"""Which of some nodes is nearest to a place, remembered: a city asks about the same few places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from actors.domain.values import Location

# Beyond so many places (a day of moving units) all are forgotten at once.
_REMEMBERED: Final = 65_536
_ROOM: Final = 256
_lon_lat = attrgetter("lon", "lat")
_Key = tuple[float, float]
_Plane = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Snapped(NamedTuple):
    """Of each place: a number that no other of these has, its nearest node, the metres to it."""

    number: NDArray[np.int64]
    node: NDArray[np.int64]
    metres: NDArray[np.float64]


class _Known:
    """Places by number. What is there is never changed, more is put behind it."""

    __slots__ = ("metres", "node", "number")

    def __init__(self) -> None:
        self.number: dict[_Key, int] = {}
        self.node = np.empty(_ROOM, np.int64)
        self.metres = np.empty(_ROOM)


class Snapping:
    """`at`: a row a node: lon and lat, or x and y; `plane` makes metres of such rows."""

    def __init__(self, at: NDArray[np.float64], plane: _Plane) -> None:
        self._plane = plane
        self._tree = cKDTree(plane(at))
        self._known = _Known()
        self._adding = Lock()

    def one(self, place: Location) -> tuple[int, float]:
        """The node, and the metres to it."""
        known = self._known
        number = known.number.get((place.lon, place.lat))
        if number is None:
            found = self.each((place,))
            return int(found.node[0]), float(found.metres[0])
        return known.node.item(number), known.metres.item(number)

    def each(self, places: Sequence[Location]) -> Snapped:
        """Those of all these places."""
        keys: list[_Key] = list(map(_lon_lat, places))
        known = self._known
        numbers = list(map(known.number.get, keys))
        if None in numbers:
            known = self._with(keys)
            numbers = list(map(known.number.get, keys))
        number = np.array(numbers, np.int64)
        return Snapped(number, known.node[number], known.metres[number])

    def _with(self, keys: Sequence[_Key]) -> _Known:
        """What is known, these among it."""
        with self._adding:
            known = self._known
            if len(known.number) >= _REMEMBERED:
                known = self._known = _Known()
            fresh = [key for key in dict.fromkeys(keys) if key not in known.number]
            begin, end = len(known.number), len(known.number) + len(fresh)
            if end > len(known.node):
                known.node = np.resize(known.node, 2 * end)
                known.metres = np.resize(known.metres, 2 * end)
            if fresh:
                found = self._tree.query(self._plane(np.array(fresh)))
                known.metres[begin:end], known.node[begin:end] = found
                # Last: whoever finds a number finds what stands under it.
                known.number.update(zip(fresh, range(begin, end), strict=True))
            return known
