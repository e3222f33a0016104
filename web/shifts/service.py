"""What is done with the shift plan: rows, each with an entity that tells its unit in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from actors.domain.dispatcher.commands import ViewDispatcher
from actors.domain.ids import derive_id
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.shift.state import Plan, PlanShift
from actors.domain.views.dispatcher import DispatcherView
from actors.ports import Clock, OutboxRow
from storage.records import NoSuchRecord, Records
from storage.records.idempotency import fingerprint
from storage.records.outbox import message
from storage.resources import (
    ShiftFilter,
    ShiftRow,
    Shifts,
    ShiftsOverlap,
    StationRow,
    Stations,
)
from web.auth import gate
from web.checks import Checks
from web.entities import Entities
from web.paging import Page, page_of
from web.shifts.schemas import (
    Roster,
    ShiftBody,
    ShiftChange,
    ShiftView,
    planned_line,
    unplanned_line,
    view,
)
from web.times import moment

# Longer than anybody may work; what is planned beyond it is a slip of the hand.
LONGEST: Final = timedelta(hours=24)


class ShiftService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(
        self,
        shifts: Shifts,
        stations: Stations,
        records: Records,
        entities: Entities,
        clock: Clock,
    ) -> None:
        self._shifts = shifts
        self._stations = stations
        self._records = records
        self._entities = entities
        self._clock = clock

    async def plan(self, caller: Sender, body: ShiftBody, command_id: str) -> ShiftView:
        """Answers 409 where the unit has another shift at that time."""
        gate(caller, "shift.plan")
        now = self._clock.now()
        checks = Checks()
        station = await self._station(body, checks)
        await self._unit_of(body, station, checks)
        _times(body, checks)
        checks.done()
        assert station is not None
        row = ShiftRow(
            id=derive_id(now, command_id, "shift"),
            unit_id=str(body.unit),
            station_id=station.id,
            region=station.region,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            created_at=moment(now),
            updated_at=moment(now),
        )
        print_ = fingerprint(command_id, msgspec.json.encode(body))
        try:
            created, told = await self._shifts.create(
                row, command_id, print_, lambda made: _told(made, command_id, caller, now)
            )
        except ShiftsOverlap as error:
            raise _overlap(error) from None
        if told is not None:
            await self._entities.bring(told)
        return view(row if created == row.id else await self._shifts.get(created))

    async def list(self, caller: Sender, wanted: ShiftFilter, limit: int) -> Page[ShiftView]:
        gate(caller, "shift.list")
        page = await self._shifts.list(wanted, limit)
        return page_of(page, map(view, page.rows))

    async def get(self, caller: Sender, shift_id: str) -> ShiftView:
        gate(caller, "shift.view")
        return view(await self._shifts.get(shift_id))

    async def change(
        self, caller: Sender, shift_id: str, body: ShiftChange, command_id: str
    ) -> ShiftView:
        """Another station of the region, or other times. Answers 409 as `plan` does."""
        gate(caller, "shift.plan")
        now = self._clock.now()
        known = await self._shifts.get(shift_id)
        checks = Checks()
        station = await self._station(body, checks)
        if station is not None and station.region != known.region:
            checks.wrong("/station", f"expected a station of the region {known.region}")
        _times(body, checks)
        checks.done()
        assert station is not None
        row = msgspec.structs.replace(
            known,
            station_id=station.id,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            updated_at=moment(now),
        )
        try:
            changed, told = await self._shifts.replace(
                row, lambda made: _told(made, command_id, caller, now)
            )
        except ShiftsOverlap as error:
            raise _overlap(error) from None
        await self._entities.bring(told)
        return view(changed)

    async def cancel(self, caller: Sender, shift_id: str, command_id: str) -> None:
        """Cancelling what is cancelled already is a success: a repeat must be harmless."""
        gate(caller, "shift.cancel")
        now = self._clock.now()
        try:
            _, told = await self._shifts.cancel(
                shift_id, moment(now), lambda made: _told(made, command_id, caller, now)
            )
        except NoSuchRecord as error:
            if error.deleted:
                return
            raise
        await self._entities.bring(told)

    async def roster(self, caller: Sender, region: str) -> Roster:
        """Who should be on duty now, by the plan, and who is, by the dispatcher's list."""
        gate(caller, "roster.view")
        at = moment(self._clock.now())
        shifts = await self._shifts.running(region, at)
        dispatcher = await self._entities.view(
            EntityRef("dispatcher", region), ViewDispatcher(), DispatcherView
        )
        units = {} if dispatcher is None else {unit.unit: unit for unit in dispatcher.units}
        on_duty = {id_ for id_, unit in units.items() if unit.status in ON_DUTY}
        planned = {shift.unit_id for shift in shifts}
        lines = [
            planned_line(shift, units.get(shift.unit_id), on_duty=shift.unit_id in on_duty)
            for shift in shifts
        ]
        lines += [
            unplanned_line(units[id_], units[id_].station) for id_ in sorted(on_duty - planned)
        ]
        return Roster(region, at, tuple(lines))

    async def _station(self, body: ShiftChange, checks: Checks) -> StationRow | None:
        try:
            return await self._stations.get(str(body.station))
        except NoSuchRecord:
            checks.wrong("/station", "there is no such station")
            return None

    async def _unit_of(self, body: ShiftBody, station: StationRow | None, checks: Checks) -> None:
        try:
            unit = await self._records.paramedics.get(str(body.unit))
        except NoSuchRecord:
            checks.wrong("/unit", "there is no such paramedic")
            return
        if station is not None and unit.region != station.region:
            checks.wrong("/unit", f"expected a paramedic of the region {station.region}")


def _times(body: ShiftChange, checks: Checks) -> None:
    if not timedelta(0) < body.ends_at - body.starts_at <= LONGEST:
        checks.wrong("/ends_at", "expected an end after the start, within a day")


def _overlap(error: ShiftsOverlap) -> DomainError:
    return DomainError("shifts_overlap", str(error))


def _told(row: ShiftRow, command_id: str, caller: Sender, now: float) -> OutboxRow:
    command = PlanShift(
        plan=Plan(
            unit=row.unit_id,
            station=row.station_id,
            starts_at=_seconds(row.starts_at),
            ends_at=_seconds(row.ends_at),
        ),
        revision=row.revision,
        cancelled=row.cancelled_at is not None,
    )
    # A PUT that is repeated is another revision: it is told under a name of its own.
    named = f"{command_id}:{row.revision}"
    return message(EntityRef("shift", row.id), command, named, caller, now)


def _seconds(at: datetime) -> float:
    return max(at.timestamp(), 0.0)
