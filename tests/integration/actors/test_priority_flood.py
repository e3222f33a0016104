"""Task prioritisation on the real runtime: a flood of routine work, and emergencies in its midst.

Two bounds, both read off what was committed, in the order in which it was:

- *Of dispatch*: from the moment that its dispatcher knows of a priority-1 emergency until a unit is
  asked for it, no unit is asked for a less urgent one.
- *Of the runtime*: a step of an emergency is in the commit that is being filled when it is asked
  for, or in the next one, whatever else waits. From the call to the dispatcher are two steps, from
  the dispatcher's choice to the crew's queue one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from msgspec.json import decode

from actors.clock import SystemClock
from actors.domain.dispatch import ByPriority
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.doctor.commands import RegisterDoctor, RequestConsultation
from actors.domain.emergency.commands import RaiseEmergency
from actors.domain.kernel import Command, EntityRef, Sender
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.paramedic.commands import (
    AcceptTask,
    GoOnDuty,
    ListTasks,
    ProgressTask,
    RegisterParamedic,
)
from actors.domain.registry import kinds
from actors.domain.values import Location, Position
from actors.domain.views.paramedic import TaskList
from actors.fire_calls.call import answers_for
from actors.limits import Limits
from actors.local import LocalCluster
from actors.ports import Commit, Transport
from actors.router import Router
from actors.shard import Shard
from storage.journal_postgres import PostgresJournal
from tests.faulty_journal import FaultyJournal
from tests.streams import Streams

REGION = "flood"
DISPATCHER = f"dispatcher:{REGION}"
BY = Sender("system", "test:flood")
HERE = Location(12.97, 77.59)
UNITS, ROUTINE, URGENT, DOCTORS = 8, 60, 12, 120
# Small, so that the routine work that waits is many commits long.
LIMITS = Limits(batch=16)
# A step waits for the commit that is on its way, and is in the next. Before the first one the
# router holds it while two calls are in flight: until the older one, likewise a step, is done.
COMMITS_A_STEP = COMMITS_IN_ROUTER = 2


@dataclass(frozen=True)
class Written:
    """One event, and in which commit it was."""

    commit: int
    ref: str
    event: Any


@dataclass
class Recording(FaultyJournal):
    """Keeps what was committed, in order."""

    inner: PostgresJournal
    written: list[Written] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.inner)

    async def commit(self, commit: Commit) -> int:
        seq = await super().commit(commit)
        self.written += [
            Written(self.commits, row.ref, decode(row.event)) for row in commit.journal
        ]
        return seq


@dataclass
class Service:
    router: Router
    journal: Recording

    async def ask(self, kind: str, id_: str, command: Command) -> bytes:
        urgent = kind != "doctor"
        ref = EntityRef(kind, id_)
        return await self.router.ask(
            ref, command, id=uuid4().hex, by=BY, timeout_s=30.0, urgent=urgent
        )

    async def tasks(self, unit: str) -> TaskList:
        ref = EntityRef("paramedic", unit)
        found = await self.router.read(ref, ListTasks(), by=BY, timeout_s=30.0, urgent=True)
        return decode(found, type=TaskList)


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    """One shard, so that its commits are the order of all things."""
    journal = Recording(PostgresJournal(database))
    behaviours = kinds(DispatchRules(), policy=ByPriority())

    def make(index: int, transport: Transport, on_fenced: Callable[[], None]) -> Shard:
        clock = SystemClock()
        return Shard(
            index, behaviours, journal, Streams(), transport, clock, "flood", on_fenced, LIMITS
        )

    cluster = LocalCluster(1, make)
    await cluster.start()
    router = Router(cluster, SystemClock())
    yield Service(router, journal)
    await router.close()
    await cluster.stop()
    await journal.inner.close()


async def test_a_flood_of_routine_work_delays_no_emergency(service: Service) -> None:
    units = [f"u{n}" for n in range(UNITS)]
    await asyncio.gather(*(_on_duty(service, unit) for unit in units))
    over = asyncio.Event()
    done: set[str] = set()
    crews = [asyncio.create_task(_crew(service, unit, over, done)) for unit in units]
    routine = [asyncio.create_task(_doctor(service, f"d{n}", over)) for n in range(DOCTORS)]
    routine.append(asyncio.create_task(_positions(service, units, over)))
    asked_at: dict[str, int] = {}
    calls = [_raise(service, f"r{n}", 4, asked_at) for n in range(ROUTINE)]
    calls += [_later(service, done, n, f"p{n}", asked_at) for n in range(URGENT)]
    async with asyncio.timeout(60):
        await asyncio.gather(*calls)
        while len(done) < ROUTINE + URGENT:
            await asyncio.sleep(0.01)  # the crews are at it
    over.set()
    await asyncio.gather(*crews, *routine)

    written = service.journal.written
    urgent = {f"p{n}" for n in range(URGENT)}
    known = _first(written, DISPATCHER, "EmergencyQueued", lambda e: e["card"]["emergency"])
    offered = _first(written, DISPATCHER, "OfferMade", lambda e: e["emergency"])
    queued = _first(written, "paramedic:", "TaskOffered", lambda e: e["task"]["emergency"])
    assert known.keys() == offered.keys() == queued.keys() == asked_at.keys()
    waited = 0
    for call in urgent:
        between = written[known[call] : offered[call]]
        passed = [one.event for one in between if one.event["type"] == "OfferMade"]
        assert {one["emergency"] for one in passed} <= urgent, call
        waited += known[call] != offered[call] - 1
        delay = written[known[call]].commit - asked_at[call]
        assert delay <= COMMITS_IN_ROUTER + 2 * COMMITS_A_STEP
        assert written[queued[call]].commit - written[offered[call]].commit <= COMMITS_A_STEP
    assert waited, "some of them found every unit busy, or nothing was proven"
    # Meanwhile there was a flood: the doctors' lane was never empty.
    first, last = (edge(known[call] for call in urgent) for edge in (min, max))
    assert sum(one.ref.startswith("doctor:") for one in written[first:last]) > DOCTORS


def _first(
    written: list[Written], ref: str, event: str, about: Callable[[Any], str]
) -> dict[str, int]:
    """Where each emergency's first such event stands in the order of all."""
    found: dict[str, int] = {}
    for at, one in enumerate(written):
        if one.ref.startswith(ref) and one.event["type"] == event:
            found.setdefault(about(one.event), at)
    return found


async def _on_duty(service: Service, unit: str) -> None:
    known = RegisterParamedic(name=unit, region=REGION, skills=("als",), vehicle="van")
    await service.ask("paramedic", unit, known)
    here = Position(HERE.lat, HERE.lon, time.time())
    await service.ask("paramedic", unit, GoOnDuty(position=here))


async def _raise(service: Service, id_: str, priority: int, asked_at: dict[str, int]) -> None:
    asked_at[id_] = service.journal.commits
    command = RaiseEmergency(
        patient_id=None, region=REGION, location=HERE, answers=answers_for(priority)
    )
    await service.ask("emergency", id_, command)


async def _later(
    service: Service, done: set[str], after: int, id_: str, asked_at: dict[str, int]
) -> None:
    """A call for help in the midst of it: when so many others are done."""
    while len(done) < 2 * after:
        await asyncio.sleep(0.001)  # so soon after it that they are still in the midst of it
    await _raise(service, id_, 1, asked_at)


async def _crew(service: Service, unit: str, over: asyncio.Event, done: set[str]) -> None:
    """Takes what it is offered, and is done with it at once."""
    while not over.is_set():
        tasks = (await service.tasks(unit)).tasks
        if not tasks:
            await asyncio.sleep(0.005)  # not at once: who asks all the time is a flood of its own
            continue
        task = tasks[0]
        await service.ask("paramedic", unit, AcceptTask(task=task.id))
        for step in ("en_route", "on_scene", "completed"):
            await service.ask("paramedic", unit, ProgressTask(task=task.id, step=step))
        done.add(task.emergency)


async def _doctor(service: Service, id_: str, over: asyncio.Event) -> None:
    """Patients ask for a doctor, one after the other; each is heard and waits."""
    known = RegisterDoctor(name=id_, specialties=("cardiology",), registration_number=id_)
    await service.ask("doctor", id_, known)
    while not over.is_set():
        request = RequestConsultation(patient_id=uuid4().hex, priority=4, reason="a cough")
        await service.ask("doctor", f"{id_}-{uuid4().hex}", known)
        await service.ask("doctor", id_, request)


async def _positions(service: Service, units: list[str], over: asyncio.Event) -> None:
    while not over.is_set():
        for unit in units:
            report = ReportPosition(lat=HERE.lat, lon=HERE.lon, at=time.time())
            service.router.signal(EntityRef("paramedic", unit), report)
        await asyncio.sleep(0.005)  # the rate: 200 positions a second of each unit
