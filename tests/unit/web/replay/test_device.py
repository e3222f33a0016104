"""Crews on true sockets against the whole service in one process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import CancelEmergency
from actors.domain.kernel import EntityRef
from actors.domain.travel import GreatCircle, great_circle_m
from actors.domain.values import Location
from actors.domain.views.paramedic import DeviceUpdate, TaskView
from actors.fire_calls.call import Service as CallService
from tests.unit.web.replay.service import DESK, REGION, Service, running, until
from web.replay.clock import VirtualClock
from web.replay.crew import City, Habits, answer
from web.replay.device import Deployed, Device, Script, reference, wall
from web.replay.ledger import Ledger
from web.replay.radio import broadcast
from web.replay.watch import Watch

BASE, SCENE, HOSPITAL = Location(0.0, 0.0), Location(0.01, 0.0), Location(0.0, 0.01)
EAGER = Habits(decline=0.0, ignore=0.0)
TRANSPORT = CallService(on_scene_s=300, transport=True, hospital_s=300)
# About 25 virtual minutes of work in half a second.
SPEED = 3000.0


class Ear:
    """A Listener that keeps a ledger, and counts."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.events: Counter[str] = Counter()
        self.reread = 0

    def update(self, unit: str, offset: int, update: DeviceUpdate) -> None:
        self.events[update.event] += 1
        call = None if update.task is None else reference(update.task)
        self.ledger.heard(unit, offset, update, wall(update.at), call, time.monotonic())

    def caught_up(self, unit: str, tasks: tuple[TaskView, ...]) -> None:
        self.reread += 1
        self.ledger.caught_up(unit, (task.id for task in tasks), time.time())


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with running(DispatchRules(offer_ttl_s=1.0, retry_s=1.0)) as service:
        yield service


@pytest.fixture
def ear() -> Ear:
    return Ear()


def script(ear: Ear, habits: Habits = EAGER, speed: float = SPEED) -> Script:
    return Script(
        run="run",
        seed=1,
        clock=VirtualClock(0.0, speed),
        city=City((HOSPITAL,), GreatCircle()),
        habits=habits,
        service_of=lambda _: TRANSPORT,
        listener=ear,
    )


@asynccontextmanager
async def on_duty(service: Service, play: Script, *units: str) -> AsyncIterator[list[Device]]:
    devices = []
    for name in units:
        with contextlib.suppress(Exception):
            await service.register(name)  # known from before, where a test starts it again
        unit = Deployed(id=name, name=name, base=BASE)
        devices.append(Device(unit, service.url, service.tokens, play))
    for device in devices:
        await device.open(10.0)
    work = [asyncio.create_task(device.run()) for device in devices]
    work.append(asyncio.create_task(broadcast(devices, play.clock)))
    try:
        yield devices
    finally:
        for task in work:
            task.cancel()
        ends = await asyncio.gather(*work, return_exceptions=True)
        for device in devices:
            await device.close()
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)


def reconnects(devices: list[Device]) -> int:
    return sum(device.socket.reconnects for device in devices)


async def closed(service: Service, emergency: str) -> bool:
    return (await service.emergency(emergency)).status == "closed"


async def test_a_crew_serves_an_emergency_to_its_end_and_goes_home(
    service: Service, ear: Ear
) -> None:
    async with on_duty(service, script(ear), "A") as (device,):
        await service.raise_("e1", SCENE, "call 1")
        await until(lambda: closed(service, "e1"))
        times = (await service.emergency("e1")).times
        steps = ["raised", "assigned", "en_route", "on_scene", "transporting", "at_hospital"]
        assert list(times) == [*steps, "closed"]
        ear.ledger.acknowledge("call 1", "e1")

        async def home() -> bool:
            position = (await service.paramedic("A")).position
            assert position is not None
            return not device.moving and ear.ledger.busy() == 0

        await until(home)
        assert device.here() == BASE
        assert ear.ledger.offered == {"call 1": {"e1"}}


async def test_a_unit_is_where_it_has_driven_to(service: Service, ear: Ear) -> None:
    async with on_duty(service, script(ear), "A"):
        await service.raise_("e1", SCENE, "call 1")
        await until(lambda: closed(service, "e1"))
        position = (await service.paramedic("A")).position
        assert position is not None
        assert great_circle_m(Location(position.lat, position.lon), HOSPITAL) < 5


async def test_cut_sockets_lose_nothing_and_do_nothing_twice(service: Service, ear: Ear) -> None:
    calls = [f"e{n}" for n in range(6)]
    async with on_duty(service, script(ear), "A", "B", "C") as devices:
        for emergency in calls:
            await service.raise_(emergency, SCENE, emergency)
            ear.ledger.acknowledge(emergency, emergency)
            before = reconnects(devices)
            service.cut()

            async def back() -> bool:
                return reconnects(devices) > before  # noqa: B023 - called in this round alone

            await until(back)

        async def all_closed() -> bool:
            return all([await closed(service, one) for one in calls])

        async def nobody_busy() -> bool:
            return ear.ledger.busy() == 0

        await until(all_closed)
        await until(nobody_busy)
        assert ear.reread > len(devices)
        assert all(len(found) == 1 for found in ear.ledger.offered.values())
    double = ear.ledger.verdict().double
    assert double == ()


async def test_a_program_started_again_goes_on_with_the_task_it_finds(
    service: Service, ear: Ear
) -> None:
    slow = script(ear, speed=300.0)
    async with on_duty(service, slow, "A"):
        await service.raise_("e1", SCENE, "call 1")

        async def under_way() -> bool:
            return (await service.emergency("e1")).status == "en_route"

        await until(under_way)
    # Off duty was refused for its task; the crew's next program finds it there.
    assert (await service.paramedic("A")).status == "on_task"
    async with on_duty(service, script(ear), "A"):
        await until(lambda: closed(service, "e1"))


async def test_what_one_crew_declines_another_takes(service: Service, ear: Ear) -> None:
    habits = Habits(decline=0.5, ignore=0.0)
    name = next(
        name
        for name in (f"call {n}" for n in range(100))
        if answer(1, name, "A", habits).reply == "decline"
        and answer(1, name, "B", habits).reply == "accept"
    )
    async with on_duty(service, script(ear, habits), "A", "B"):
        watch = Watch(service.url, service.tokens, REGION)
        await watch.socket.open(10.0)
        try:
            await service.raise_("e1", SCENE, name)
            await until(lambda: closed(service, "e1"))

            async def seen() -> bool:
                return "e1" in watch.ended

            await until(seen)
        finally:
            await watch.socket.close()
        assert (await service.emergency("e1")).unit == "B"
        # A, the first by name, was asked first.
        assert watch.outcomes({"e1"}) == {"declined": 1, "accepted": 1}


async def test_what_a_crew_ignores_expires_and_goes_to_another(service: Service, ear: Ear) -> None:
    habits = Habits(decline=0.0, ignore=0.5)
    name = next(
        name
        for name in (f"call {n}" for n in range(100))
        if answer(1, name, "A", habits).reply == "ignore"
        and answer(1, name, "B", habits).reply == "accept"
    )
    async with on_duty(service, script(ear, habits), "A", "B"):
        await service.raise_("e1", SCENE, name)
        await until(lambda: closed(service, "e1"))
        assert (await service.emergency("e1")).unit == "B"
        assert ear.events["TaskExpired"] == 1


async def test_a_crew_whose_emergency_is_cancelled_turns_back(service: Service, ear: Ear) -> None:
    far = replace(SCENE, lat=1.0)  # hours away, even at this speed
    async with on_duty(service, script(ear), "A") as (device,):
        await service.raise_("e1", far, "call 1")

        async def driving() -> bool:
            return device.moving and (await service.emergency("e1")).status == "en_route"

        await until(driving)
        cancel = CancelEmergency(reason="help is there already")
        await service.ask(EntityRef("emergency", "e1"), cancel, DESK)

        async def back() -> bool:
            at_base = not device.moving and device.here() == BASE
            return at_base and (await service.paramedic("A")).status == "available"

        await until(back)
        await service.raise_("e2", SCENE, "call 2")
        await until(lambda: closed(service, "e2"))


async def test_at_the_end_crews_go_off_duty(service: Service, ear: Ear) -> None:
    async with on_duty(service, script(ear), "A"):
        assert (await service.paramedic("A")).status == "available"
    assert (await service.paramedic("A")).status == "off_duty"
    assert all(not unit.free for unit in (await service.dispatcher()).units)
