"""An offer's deadline is as durable as the offer: it passes also while no shard is there to see it.

On PostgreSQL and the wall's clock, with shards that die as by kill -9: nothing of theirs is left
but what they committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from msgspec.json import decode

from actors.clock import SystemClock
from actors.domain.dispatcher.commands import ViewDispatcher
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import RaiseEmergency
from actors.domain.kernel import Command, EntityRef, Sender
from actors.domain.paramedic.commands import GoOnDuty, RegisterParamedic
from actors.domain.registry import kinds
from actors.domain.timestamp import rfc3339
from actors.domain.values import Location, Position
from actors.domain.views.dispatcher import CaseView, DispatcherView
from actors.local import LocalCluster
from actors.ports import Transport
from actors.router import Router
from actors.shard import Shard
from storage.journal_postgres import PostgresJournal
from tests.streams import Streams
from tests.waiting import until

REGION = "deadline"
BY = Sender("system", "test:deadline")
HERE = Location(12.97, 77.59)
OFFER_S = 1.0
# Deadlines are kept to the second: a shard looks for those of the dead when it takes their slots.
LATE_S = 1.0
SHARDS = 2


class Service:
    def __init__(self, database: str) -> None:
        self.database = database
        self.journals: list[PostgresJournal] = []
        self.cluster = LocalCluster(SHARDS, self._make)
        self.router = Router(self.cluster, SystemClock())
        self._kinds = kinds(DispatchRules(offer_ttl_s=OFFER_S))

    def _make(self, index: int, transport: Transport, on_fenced: Callable[[], None]) -> Shard:
        self.journals.append(PostgresJournal(self.database))
        owner = f"shard-{index}/{len(self.journals)}"
        journal, clock = self.journals[-1], SystemClock()
        return Shard(index, self._kinds, journal, Streams(), transport, clock, owner, on_fenced)

    async def ask(self, kind: str, id_: str, command: Command) -> None:
        ref = EntityRef(kind, id_)
        await self.router.ask(ref, command, id=uuid4().hex, by=BY, timeout_s=10, urgent=True)

    async def case(self) -> CaseView:
        ref = EntityRef("dispatcher", REGION)
        found = await self.router.read(ref, ViewDispatcher(), by=BY, timeout_s=10, urgent=True)
        (case,) = decode(found, type=DispatcherView).cases
        return case


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    service = Service(database)
    await service.cluster.start()
    yield service
    await service.router.close()
    await service.cluster.stop()
    for journal in service.journals:
        await journal.close()


async def test_an_offer_expires_although_every_shard_died_meanwhile(service: Service) -> None:
    for n, unit in enumerate(("near", "far")):
        known = RegisterParamedic(name=unit, region=REGION, skills=("als",), vehicle="van")
        await service.ask("paramedic", unit, known)
        here = Position(HERE.lat + n, HERE.lon, time.time())
        await service.ask("paramedic", unit, GoOnDuty(position=here))

    async def asked(unit: str) -> bool:
        return (await service.case()).unit == unit

    await service.ask(
        "emergency", "e", RaiseEmergency(patient_id=None, region=REGION, location=HERE)
    )
    await until(lambda: asked("near"))
    deadline = (await service.case()).offer_expires_at
    for index in range(SHARDS):
        service.cluster.kill(index)
    while rfc3339(time.time()) < str(deadline):  # it passes with nobody there
        await asyncio.sleep(0.02)  # little beside the second that deadlines are true to
    back = time.time()
    for index in range(SHARDS):
        await service.cluster.start_shard(index)
    await until(lambda: asked("far"))
    assert time.time() - back < LATE_S + OFFER_S, "not by the next offer's deadline"
    assert (await service.case()).attempt == 2
