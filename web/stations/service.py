"""What is done with stations: rows, of which their region's dispatcher is told all."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from actors.domain.ids import derive_id
from actors.domain.kernel import Sender
from actors.ports import Clock, OutboxRow
from storage.records import NoSuchRecord
from storage.records.idempotency import fingerprint
from storage.records.row import Filter
from storage.resources import StationRow, Stations
from web.auth import gate
from web.entities import Entities
from web.paging import Page, page_of
from web.stations.schemas import StationBody, StationView, view
from web.times import moment


class StationService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(self, stations: Stations, entities: Entities, clock: Clock) -> None:
        self._stations = stations
        self._entities = entities
        self._clock = clock

    async def create(self, caller: Sender, body: StationBody, command_id: str) -> StationView:
        gate(caller, "station.create")
        now = self._clock.now()
        row = _row(derive_id(now, command_id, "station"), body, now)
        print_ = fingerprint(command_id, msgspec.json.encode(body))
        created, told = await self._stations.create(row, command_id, print_)
        await self._bring(told)
        return view(row if created == row.id else await self._stations.get(created))

    async def list(self, caller: Sender, wanted: Filter, limit: int) -> Page[StationView]:
        gate(caller, "station.list")
        page = await self._stations.list(wanted, limit)
        return page_of(page, map(view, page.rows))

    async def get(self, caller: Sender, station_id: str) -> StationView:
        gate(caller, "station.view")
        return view(await self._stations.get(station_id))

    async def replace(
        self, caller: Sender, station_id: str, body: StationBody, command_id: str
    ) -> StationView:
        gate(caller, "station.update")
        known = await self._stations.get(station_id)
        row = _row(station_id, body, self._clock.now())
        await self._bring(await self._stations.replace(row, command_id))
        return view(replace(row, created_at=known.created_at))

    async def delete(self, caller: Sender, station_id: str, command_id: str) -> None:
        """Deleting what is deleted already is a success: a repeat must be harmless."""
        gate(caller, "station.delete")
        try:
            told = await self._stations.delete(station_id, command_id, moment(self._clock.now()))
        except NoSuchRecord as error:
            if error.deleted:
                return
            raise
        await self._bring(told)

    async def _bring(self, told: tuple[OutboxRow, ...]) -> None:
        for row in told:
            await self._entities.bring(row)


def _row(id_: str, body: StationBody, now: float) -> StationRow:
    return StationRow(
        id=id_,
        name=body.name,
        region=body.region,
        location=body.location,
        created_at=moment(now),
        updated_at=moment(now),
    )
