"""What a dispatcher shows its policy of its state: no more than the policy wants, no copy twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from math import ceil, inf
from typing import Any, Final, NamedTuple

from actors.domain.dispatch import (
    BusyUnit,
    FreeUnit,
    Hotspot,
    Policy,
    Situation,
    Station,
    Waiting,
)
from actors.domain.dispatcher import Dispatcher
from actors.domain.dispatcher_case import Case, DispatchRules
from actors.domain.dispatcher_roster import Compared, Roster, changed
from actors.domain.kernel import Absorbed, Signal
from actors.domain.messages import UnitPosition, UnitStatus
from actors.domain.task import ON_THE_WAY, TaskStep
from actors.domain.values import Location, Position

POSITIONS: Final = "positions"
MOVES: Final = "positions seen"
MOVED: Final = "unit -> which of the positions seen was its last"
# Where calls come from changes over hours; reading the estimate costs a millisecond.
_DEMAND_FOR_S: Final = 300.0
# A crew that is late is shown another way once a minute, not each time that somebody looks.
_LATE_STEP_S: Final = 60.0
# So many times that are over may be kept at least.
_ENDS: Final = 64
_EMPTY: Mapping[str, Position] = {}
_ALL: Final[frozenset[str]] = frozenset({"busy", "stations", "demand"})

_STEP: Final[Mapping[str, TaskStep]] = {
    "ordered": "accepted",
    "raised": "accepted",
    "assigned": "accepted",
    "en_route": "en_route",
    "on_scene": "on_scene",
    "transporting": "transporting",
    "at_hospital": "at_hospital",
    "completed": "at_hospital",
}


def absorb(state: Dispatcher, telemetry: dict[str, Any], signal: Signal, _now: float) -> Absorbed:
    """Remember where a unit of this region is, for the next plan."""
    if not isinstance(signal, UnitPosition) or signal.unit not in state.units:
        return Absorbed()
    positions: dict[str, Position] = telemetry.setdefault(POSITIONS, {})
    known = positions.get(signal.unit)
    if known is None or signal.at > known.at:
        positions[signal.unit] = Position(signal.lat, signal.lon, signal.at)
        count = telemetry[MOVES] = telemetry.get(MOVES, 0) + 1
        moved: dict[str, int] = telemetry.setdefault(MOVED, {})
        moved.pop(signal.unit, None)
        moved[signal.unit] = count  # the last to move stands last
    return Absorbed()


class _Read(NamedTuple):
    """What the free or the busy units were last made of."""

    units: Mapping[str, UnitStatus]
    reserved: Mapping[str, str]
    of_each: Mapping[str, object]
    positions: Mapping[str, Position]
    moves: object

    def changed(
        self, now: _Read, telemetry: Mapping[str, Any], compared: Compared
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


class _Free(NamedTuple):
    """A free unit as it was shown, and what it was read from."""

    unit: UnitStatus
    place: Position | None
    station: str | None
    shown: FreeUnit


class _Busy(NamedTuple):
    """A busy unit as it was shown, what it was read from, and when it is shown the same."""

    case: Case
    unit: UnitStatus
    place: Position | None
    from_: float
    until: float
    shown: BusyUnit

    def holds(self, case: Case, unit: UnitStatus, place: Position | None, now: float) -> bool:
        return (
            self.case is case
            and self.unit is unit
            and self.place is place
            and self.from_ <= now <= self.until
        )


class _Seen:
    """What was last shown of one region, and what it was read from."""

    def __init__(self) -> None:
        self.waiting = Roster[Waiting]()
        self.waiting_read: Mapping[str, Case] = {}
        self.wished: dict[str, Case] = {}
        self.untold: dict[str, Case] = {}
        self.compared_cases = Compared()
        self.stations: tuple[Station, ...] = ()
        self.stations_read: object = ()
        self.hotspots: tuple[Hotspot, ...] = ()
        self.hotspots_read: tuple[object, float] = ((), 0.0)
        self.free = Roster[FreeUnit]()
        self.free_read: _Read | None = None
        self.free_rows: dict[str, _Free] = {}
        self.busy = Roster[BusyUnit]()
        self.busy_read: _Read | None = None
        self.busy_rows: dict[str, _Busy] = {}
        # The cases whose unit is shown another way by the clock alone, and until when; and those
        # times as a heap, with some that are not so any more.
        self.until: dict[str, float] = {}
        self.ends: list[tuple[float, str]] = []
        self.busy_at = 0.0
        self.compared = Compared()
        self.cases_of: dict[str, set[str]] = {}

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


class Queue(NamedTuple):
    """Who waits: `shown`, all that the policy is asked about; `wished`, for whom a human has
    chosen, held ones too; `untold`, those shown of whom ops does not know that no unit is free.
    """

    shown: tuple[Waiting, ...]
    wished: list[Case]
    untold: list[Case]


class Showing:
    """Makes situations. What did not change is not made anew, and is the same object again.

    The memory is of what was read, compared by identity, so that it never changes what is shown,
    but for the order of the units, which means nothing.
    """

    def __init__(self, rules: DispatchRules) -> None:
        self._rules = rules
        self._seen: dict[str, _Seen] = {}

    def situation(
        self,
        state: Dispatcher,
        waiting: tuple[Waiting, ...],
        policy: Policy,
        now: float,
        telemetry: Mapping[str, Any],
        *,
        everything: bool = False,
        free: tuple[FreeUnit, ...] | None = None,
    ) -> Situation:
        """What `policy` wants to know; or, for people who ask, all there is.

        `waiting`: who is to be served. `free`: what `free` has just said of the same state.
        """
        wants = _ALL if everything else policy.wants
        return Situation(
            now=now,
            waiting=waiting,
            free=self.free(state, telemetry) if free is None else free,
            busy=self.busy(state, now, telemetry) if "busy" in wants else (),
            stations=self._stations(state) if "stations" in wants else (),
            demand=self._demand(state, now) if "demand" in wants else (),
        )

    def queue(self, state: Dispatcher) -> Queue:
        """Who waits."""
        seen = self._of(state)
        keys = seen.compared_cases.changed(seen.waiting_read, state.cases)
        seen.waiting_read = state.cases
        for key in keys:
            case = state.cases.get(key)
            if case is None or case.phase != "waiting":
                seen.wished.pop(key, None)
                case = None
            elif case.wish is not None:
                seen.wished[key] = case
            else:
                seen.wished.pop(key, None)
            if case is None or case.card.held:
                seen.untold.pop(key, None)
                if key in seen.waiting:
                    seen.waiting.put(key, None)
                continue
            if case.starved:
                seen.untold.pop(key, None)
            else:
                seen.untold[key] = case
            seen.waiting.put(key, shown_waiting(case))
        return Queue(seen.waiting.entries(), list(seen.wished.values()), list(seen.untold.values()))

    def free(self, state: Dispatcher, telemetry: Mapping[str, Any]) -> tuple[FreeUnit, ...]:
        """Who can be asked, where it was last seen."""
        seen = self._of(state)
        read = _read(state, state.posts, telemetry)
        before, seen.free_read = seen.free_read, read
        units = None if before is None else before.changed(read, telemetry, seen.compared)
        if before is None or units is None:
            seen.free.keep(state.units)
            keys = list(state.units)
        else:
            # Sorted, for the order of a set is another in each process.
            keys = sorted(units.union(changed(before.of_each, read.of_each)))
        for unit in keys:
            seen.free.put(unit, _free(seen.free_rows, state, read.positions, unit))
        return seen.free.entries()

    def busy(
        self, state: Dispatcher, now: float, telemetry: Mapping[str, Any]
    ) -> tuple[BusyUnit, ...]:
        """Who is on a task or asked for one, and when it is expected to be free again."""
        seen = self._of(state)
        read = _read(state, state.cases, telemetry)
        before, seen.busy_read = seen.busy_read, read
        units = None if before is None else before.changed(read, telemetry, seen.compared)
        clock_went_back = now < seen.busy_at
        seen.busy_at = now
        if before is None or units is None or clock_went_back:
            kept, seen.busy_rows = seen.busy_rows, {}
            seen.busy.keep(state.cases)
            seen.until, seen.ends, keys = {}, [], list(state.cases)
            seen.cases_of = {}
            seen.index({}, state.cases, keys)
        else:
            kept = seen.busy_rows
            due = seen.passed(now)
            other = seen.compared_cases.changed(before.of_each, state.cases)
            seen.index(before.of_each, state.cases, other)
            due.update(other)
            for unit in units:
                due.update(seen.cases_of.get(unit, ()))
            keys = sorted(due)
        for key in keys:
            row = self._row(kept.get(key), state, key, read.positions, now)
            if row is None:
                seen.busy_rows.pop(key, None)
                seen.until.pop(key, None)
                seen.busy.put(key, None)
                continue
            seen.busy_rows[key] = row
            seen.ends_at(key, row.until)
            seen.busy.put(key, row.shown)
        return seen.busy.entries()

    def _row(
        self,
        known: _Busy | None,
        state: Dispatcher,
        key: str,
        positions: Mapping[str, Position],
        now: float,
    ) -> _Busy | None:
        case = state.cases.get(key)
        if case is None or case.unit is None or case.phase == "done":
            return None
        asked = state.reserved.get(case.unit)
        if asked is not None and asked != case.task:
            return None  # on its way from this case to another
        unit = state.units.get(case.unit)
        if unit is None or unit.position is None:
            return None
        place = positions.get(case.unit)
        if known is not None and known.holds(case, unit, place, now):
            return known
        shown, until = self._busy(unit, newest(unit.position, place), case, now)
        return _Busy(case, unit, place, now, until, shown)

    def _busy(
        self, unit: UnitStatus, place: Location, case: Case, now: float
    ) -> tuple[BusyUnit, float]:
        """It, and until when time alone changes nothing of that."""
        card = case.card
        step: TaskStep = "pending" if case.phase == "offered" else _STEP[case.status]
        free_at, until = self.free_at(case, step, now)
        if (case.firm or case.diverts is not None) and step in ON_THE_WAY:
            # It would not be diverted: the word that it is there is on its way. Or it just is
            # being diverted, and has not answered.
            step = "on_scene"
        shown = BusyUnit(
            unit=unit.unit,
            location=place,
            skills=unit.skills,
            vehicle=unit.vehicle,
            emergency=case.key,
            priority=card.priority,
            target=card.staging or card.location,
            step=step,
            preempted=case.preempted,
            free_at=free_at,
            free_where=card.destination if case.slot == 1 and card.destination else card.location,
        )
        return shown, until

    def free_at(self, case: Case, step: TaskStep, now: float) -> tuple[float, float]:
        """When its crew is expected to be done, by what such tasks take on average; may have
        passed. And until when that is said."""
        rules = self._rules
        after_scene = rules.transport_s + rules.handover_s
        match step:
            case "on_scene":
                return case.since + rules.on_scene_s + after_scene, inf
            case "transporting":
                return case.since + after_scene, inf
            case "at_hospital":
                return case.since + rules.handover_s, inf
            case _:
                there = now if case.eta_at is None else case.eta_at
                if there < now:  # late: as good as there, to the next minute of being so
                    there += ceil((now - there) / _LATE_STEP_S) * _LATE_STEP_S
                return there + rules.on_scene_s + after_scene, there

    def _of(self, state: Dispatcher) -> _Seen:
        seen = self._seen.get(state.id)
        if seen is None:
            seen = self._seen[state.id] = _Seen()
        return seen

    def _stations(self, state: Dispatcher) -> tuple[Station, ...]:
        seen = self._of(state)
        if seen.stations_read is not state.stations:
            seen.stations = tuple(Station(post.id, post.location) for post in state.stations)
            seen.stations_read = state.stations
        return seen.stations

    def _demand(self, state: Dispatcher, now: float) -> tuple[Hotspot, ...]:
        seen = self._of(state)
        # In whole steps of time, so that a decision made again sees the same.
        at = now - now % _DEMAND_FOR_S
        known, known_at = seen.hotspots_read
        if known is not state.demand.cells or known_at != at:
            seen.hotspots = state.demand.hotspots(at)
            seen.hotspots_read = (state.demand.cells, at)
        return seen.hotspots


def shown_waiting(case: Case) -> Waiting:
    """Where units wait for the go-ahead, that is where they go first."""
    card = case.card
    return Waiting(
        case.key,
        card.priority,
        card.raised_at,
        card.staging or card.location,
        card.needs,
        case.refused_by,
        card.vehicles,
        case.preempted,
    )


def newest(durable: Position, seen: Position | None) -> Location:
    """The newer of what the state and the telemetry know."""
    return (durable if seen is None or durable.at >= seen.at else seen).location


def _read(state: Dispatcher, of_each: Mapping[str, object], telemetry: Mapping[str, Any]) -> _Read:
    positions: Mapping[str, Position] = telemetry.get(POSITIONS, _EMPTY)
    # Who does not count the positions computes them when asked: they change unseen.
    count: object = telemetry.get(MOVES, 0 if positions is _EMPTY else object())
    return _Read(state.units, state.reserved, of_each, positions, count)


def _free(
    rows: dict[str, _Free], state: Dispatcher, positions: Mapping[str, Position], id_: str
) -> FreeUnit | None:
    unit = state.units.get(id_)
    if unit is None or not unit.free or unit.position is None or id_ in state.reserved:
        rows.pop(id_, None)
        return None
    place, post = positions.get(id_), state.posts.get(id_)
    station = unit.station if post is None or post.station is None else post.station
    row = rows.get(id_)
    if row is None or row.unit is not unit or row.place is not place or row.station != station:
        where = newest(unit.position, place)
        shown = FreeUnit(id_, where, unit.skills, unit.vehicle, station)
        row = rows[id_] = _Free(unit, place, station, shown)
    return row.shown
