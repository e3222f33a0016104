"""What was last shown of a region, and what it was read from: only changes are shown anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, Final, NamedTuple

from msgspec import Struct

from actors.domain.dispatch import BusyUnit, FreeUnit, Hotspot, Station
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.kin import Compared, changed
from actors.domain.dispatcher.positions import MOVED, MOVES, POSITIONS, newest
from actors.domain.dispatcher.queue import Queued
from actors.domain.dispatcher.release import Release, Releases
from actors.domain.dispatcher.roster import Roster
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.messages.card import UnitStatus
from actors.domain.values import Position

NOWHERE: Mapping[str, Position] = {}
# So many times that are over may be kept at least.
_ENDS: Final = 64


class Read(NamedTuple):
    """What the free or the busy units were last made of."""

    units: Mapping[str, UnitStatus]
    reserved: Mapping[str, str]
    of_each: Mapping[str, object]
    positions: Mapping[str, Position]
    moves: object

    def changed(
        self, now: Read, telemetry: Mapping[str, Any], compared: Compared
    ) -> set[str] | None:
        """The units that have changed since, apart from `of_each`; None: any may have."""
        if now.positions is not self.positions:
            return None
        units = {*compared.changed(self.units, now.units), *changed(self.reserved, now.reserved)}
        if now.moves == self.moves:
            return units
        moved = telemetry.get(MOVED)
        if not moved or not isinstance(now.moves, int) or not isinstance(self.moves, int):
            return None
        for unit, move in reversed(moved.items()):
            if move <= self.moves:
                break
            units.add(unit)
        return units


class FreeRow(Struct, frozen=True, gc=False):
    """A free unit as it was shown, and what it was read from."""

    unit: UnitStatus
    place: Position | None
    station: str | None
    shown: FreeUnit


class BusyRow(NamedTuple):
    """A busy unit as it was shown, what it was read from, and when it is shown the same."""

    case: Case
    unit: UnitStatus
    place: Position | None
    release: Release | None
    from_: float
    until: float
    shown: BusyUnit

    def holds(
        self,
        case: Case,
        unit: UnitStatus,
        place: Position | None,
        release: Release | None,
        now: float,
    ) -> bool:
        return (
            self.case is case
            and self.unit is unit
            and self.place is place
            and self.release == release
            and self.from_ <= now <= self.until
        )


class Seen:
    """What was last shown of one region, and what it was read from."""

    def __init__(self, releases: Releases, few: int) -> None:
        self.releases = releases
        self.queued = Queued(few)
        self.compared_cases = Compared()
        self.stations: tuple[Station, ...] = ()
        self.stations_read: object = ()
        self.hotspots: Sequence[Hotspot] = ()
        self.hotspots_read: tuple[object, float] = ((), 0.0)
        self.free = Roster[FreeUnit]()
        self.free_read: Read | None = None
        self.free_shown: tuple[FreeUnit, ...] = ()
        self.free_rows: dict[str, FreeRow] = {}
        self.busy = Roster[BusyUnit]()
        self.busy_read: Read | None = None
        self.busy_rows: dict[str, BusyRow] = {}
        # The cases whose unit is shown another way by the clock alone, and until when; and those
        # times as a heap, with some that are not so any more.
        self.until: dict[str, float] = {}
        self.ends: list[tuple[float, str]] = []
        self.busy_at = 0.0
        self.compared = Compared()
        self.cases_of: dict[str, set[str]] = {}

    def few_free(
        self, state: Dispatcher, positions: Mapping[str, Position]
    ) -> tuple[FreeUnit, ...]:
        """Of so few units that all are looked at sooner than those are found that changed."""
        kept, reserved, posts = self.free_rows, state.reserved, state.posts
        rows: dict[str, FreeRow] = {}
        shown: list[FreeUnit] = []
        for unit in [unit for unit in state.units.values() if unit.free]:
            id_, durable = unit.unit, unit.position
            if durable is None or id_ in reserved:
                continue
            row, place = kept.get(id_), positions.get(id_)
            # As free_row has it, which where a unit may be sent about looks at more than these.
            if posts or row is None or row.unit is not unit or row.place is not place:
                row = free_row(row, unit, durable, place, state)
            rows[id_] = row
            shown.append(row.shown)
        self.free_rows, self.free_read = rows, None
        made = tuple(shown)
        if made != self.free_shown:
            self.free_shown = made
        return self.free_shown

    def ends_at(self, key: str, until: float) -> None:
        """The unit of this case is shown as it is until then."""
        if self.until.get(key) == until:
            return
        self.until[key] = until
        if until < inf:
            heappush(self.ends, (until, key))
        if len(self.ends) > 2 * len(self.until) + _ENDS:
            self.ends = [(at, of) for of, at in self.until.items() if at < inf]
            heapify(self.ends)

    def passed(self, now: float) -> set[str]:
        """The cases whose unit is to be shown another way."""
        found = set()
        while self.ends and self.ends[0][0] < now:
            until, key = heappop(self.ends)
            if self.until.get(key) == until:
                found.add(key)
                del self.until[key]
        return found

    def index(
        self, before: Mapping[str, Any], now: Mapping[str, Case], keys: Iterable[str]
    ) -> None:
        """Know the cases of each unit, after these changed."""
        for key in keys:
            old, new = before.get(key), now.get(key)
            if old is not None and old.unit is not None:
                self.cases_of[old.unit].discard(key)
            if new is not None and new.unit is not None:
                self.cases_of.setdefault(new.unit, set()).add(key)


def reading(state: Dispatcher, of_each: Mapping[str, object], telemetry: Mapping[str, Any]) -> Read:
    """What is about to be read, to compare it with what was."""
    positions: Mapping[str, Position] = telemetry.get(POSITIONS, NOWHERE)
    # Who does not count the positions computes them when asked: they change unseen.
    count: object = telemetry.get(MOVES, 0 if positions is NOWHERE else object())
    return Read(state.units, state.reserved, of_each, positions, count)


def shown_free(
    rows: dict[str, FreeRow], state: Dispatcher, positions: Mapping[str, Position], id_: str
) -> FreeUnit | None:
    """The unit as it is shown, the same object as long as it is the same; None: not free."""
    unit = state.units.get(id_)
    if unit is None or not unit.free or unit.position is None or id_ in state.reserved:
        rows.pop(id_, None)
        return None
    row = free_row(rows.get(id_), unit, unit.position, positions.get(id_), state)
    rows[id_] = row
    return row.shown


def free_row(
    known: FreeRow | None,
    unit: UnitStatus,
    durable: Position,
    place: Position | None,
    state: Dispatcher,
) -> FreeRow:
    """What is known of it, where that is still so."""
    post = state.posts.get(unit.unit)
    station = unit.station if post is None or post.station is None else post.station
    if (
        known is not None
        and known.unit is unit
        and known.place is place
        and known.station == station
    ):
        return known
    shown = FreeUnit(unit.unit, newest(durable, place), unit.skills, unit.vehicle, station)
    return FreeRow(unit, place, station, shown)
