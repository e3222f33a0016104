"""What a dispatcher shows its policy of its state: no more than the policy wants, no copy twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any, Final

from actors.domain.dispatch import BusyUnit, FreeUnit, Hotspot, Policy, Situation, Station, Waiting
from actors.domain.dispatch.demand import Expected
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.kin import changed
from actors.domain.dispatcher.positions import POSITIONS, newest
from actors.domain.dispatcher.queue import Queue
from actors.domain.dispatcher.release import Release, Releases
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.seen import NOWHERE, BusyRow, Seen, reading, shown_free
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.messages.card import UnitStatus
from actors.domain.task import ON_THE_WAY, TaskStep
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location, Position

# Where calls come from changes over hours; reading the estimate costs a millisecond.
_DEMAND_FOR_S: Final = 300.0
# A crew that is late is shown another way once a minute, not each time that somebody looks.
_LATE_STEP_S: Final = 60.0
# Of fewer units or cases, all are read in less time than it is found which have changed: measured,
# of 25 in 19 µs instead of 21, of 40 in the same, of 64 in 34 instead of 29.
_FEW: Final = 40
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


class Showing:
    """Makes situations. What did not change is not made anew, and is the same object again.

    The memory is of what was read, compared by identity, so that it never changes what is shown,
    but for the order of the units, which means nothing. Of fewer units or cases than `few` all are
    looked at each time, with no more memory than of the objects themselves.
    """

    def __init__(self, travel: TravelEstimate, rules: DispatchRules, few: int = _FEW) -> None:
        self._travel = travel
        self._rules = rules
        self._few = few
        self._seen: dict[str, Seen] = {}

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
        return seen.queued.queue(state.cases, seen.compared_cases)

    def diverting(self, state: Dispatcher) -> Sequence[Case]:
        """The cases that ask a unit to leave another; after `queue` of the same state."""
        return self._of(state).queued.diverting(state.cases)

    def free(self, state: Dispatcher, telemetry: Mapping[str, Any]) -> tuple[FreeUnit, ...]:
        """Who can be asked, where it was last seen."""
        seen = self._of(state)
        if len(state.units) < self._few:
            return seen.few_free(state, telemetry.get(POSITIONS, NOWHERE))
        read = reading(state, state.posts, telemetry)
        before, seen.free_read = seen.free_read, read
        units = None if before is None else before.changed(read, telemetry, seen.compared)
        if before is None or units is None:
            seen.free.keep(state.units)
            keys = list(state.units)
        else:
            # Sorted, for the order of a set is another in each process.
            keys = sorted(units.union(changed(before.of_each, read.of_each)))
        for unit in keys:
            seen.free.put(unit, shown_free(seen.free_rows, state, read.positions, unit))
        return seen.free.entries()

    def busy(
        self, state: Dispatcher, now: float, telemetry: Mapping[str, Any]
    ) -> tuple[BusyUnit, ...]:
        """Who is on a task or asked for one, and when it is expected to be free again."""
        seen = self._of(state)
        read = reading(state, state.cases, telemetry)
        before, seen.busy_read = seen.busy_read, read
        units = None if before is None else before.changed(read, telemetry, seen.compared)
        elsewhere = seen.releases.read(state.hospitals)
        clock_went_back = now < seen.busy_at
        seen.busy_at = now
        if before is None or units is None or elsewhere is None or clock_went_back:
            kept, seen.busy_rows = seen.busy_rows, {}
            seen.busy.keep(state.cases)
            seen.releases.keep(state.cases)
            seen.until, seen.ends, keys = {}, [], list(state.cases)
            seen.cases_of = {}
            seen.index({}, state.cases, keys)
        else:
            kept = seen.busy_rows
            due = seen.passed(now)
            other = seen.compared_cases.changed(before.of_each, state.cases)
            seen.index(before.of_each, state.cases, other)
            due.update(other, elsewhere)
            for unit in units:
                due.update(seen.cases_of.get(unit, ()))
            keys = sorted(due)
        for key in keys:
            row = self._row(kept.get(key), state, key, read.positions, now, seen.releases)
            if row is None:
                seen.busy_rows.pop(key, None)
                seen.until.pop(key, None)
                seen.busy.put(key, None)
                seen.releases.forget(key)
                continue
            seen.busy_rows[key] = row
            seen.ends_at(key, row.until)
            seen.busy.put(key, row.shown)
        return seen.busy.entries()

    def _row(
        self,
        known: BusyRow | None,
        state: Dispatcher,
        key: str,
        positions: Mapping[str, Position],
        now: float,
        releases: Releases,
    ) -> BusyRow | None:
        case = state.cases.get(key)
        if case is None or case.unit is None or case.phase == "done":
            return None
        asked = state.reserved.get(case.unit)
        if asked is not None and asked != case.task:
            return None  # on its way from this case to another
        unit = state.units.get(case.unit)
        if unit is None or unit.position is None:
            return None
        place, release = positions.get(case.unit), releases.of(key, case)
        if known is not None and known.holds(case, unit, place, release, now):
            return known
        shown, until = self._busy(unit, newest(unit.position, place), case, release, now)
        return BusyRow(case, unit, place, release, now, until, shown)

    def _busy(
        self, unit: UnitStatus, place: Location, case: Case, release: Release | None, now: float
    ) -> tuple[BusyUnit, float]:
        """It, and until when time alone changes nothing of that."""
        card = case.card
        step: TaskStep = "pending" if case.phase == "offered" else _STEP[case.status]
        free_at, until = self._free_at(case, step, release, now)
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
            free_where=card.location if release is None else release.where,
            raised_at=card.raised_at,
        )
        return shown, until

    def _free_at(
        self, case: Case, step: TaskStep, release: Release | None, now: float
    ) -> tuple[float, float]:
        """When its crew is expected to be done, by what such tasks take on average and by the
        drive to the hospital; may have passed. And until when that is said."""
        rules = self._rules
        drive_s = rules.transport_s if release is None else release.drive_s
        after_scene = drive_s + rules.handover_s
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

    def _of(self, state: Dispatcher) -> Seen:
        seen = self._seen.get(state.id)
        if seen is None:
            releases = Releases(self._travel, self._rules)
            seen = self._seen[state.id] = Seen(releases, self._few)
        return seen

    def _stations(self, state: Dispatcher) -> tuple[Station, ...]:
        seen = self._of(state)
        if seen.stations_read is not state.stations:
            seen.stations = tuple(Station(post.id, post.location) for post in state.stations)
            seen.stations_read = state.stations
        return seen.stations

    def _demand(self, state: Dispatcher, now: float) -> Sequence[Hotspot]:
        seen = self._of(state)
        # In whole steps of time, so that a decision made again sees the same.
        at = now - now % _DEMAND_FOR_S
        known, known_at = seen.hotspots_read
        if known is not state.demand.cells or known_at != at:
            seen.hotspots = Expected(state.demand, at)
            seen.hotspots_read = (state.demand.cells, at)
        return seen.hotspots
