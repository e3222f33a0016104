"""Plays the synthetic city against the service it was started beside, for as long as that runs.

Whatever of the service is restarted meanwhile, requests are repeated and sockets come back. Stopped
and started again, it finds its people by name and its crews' tasks in the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final
from urllib.parse import urlencode

from msgspec import to_builtins

from actors.domain.travel import GreatCircle
from actors.domain.views.paramedic import DeviceUpdate, TaskView
from actors.fire_calls.call import Service, answers_for
from web.demo.city import CityPlan, DoctorPlan
from web.demo.stream import DemoCall, make_call, next_call_at, service_for
from web.replay.clock import VirtualClock
from web.replay.crew import City, Habits
from web.replay.device import Device, Script, reference
from web.replay.door import Door
from web.replay.errors import DoorRefused, ReplayError
from web.replay.radio import broadcast
from web.replay.roster import enlist_patients, enlist_units
from web.replay.several import each
from web.replay.target import DESK, Target, Tokens
from web.replay.watch import Watch

log = logging.getLogger(__name__)

PLAY: Final = "demo"
# Virtual seconds in a real one: a call that takes 45 minutes is over in two and a half.
SPEED: Final = 18.0
# Twice a second is smooth enough on a map, and leaves the machine to the service.
POSITION_EVERY_S: Final = 0.5
HABITS: Final = Habits(decline=0.04, ignore=0.01)
# With more waiting than this no call is added: a demo is to show a service at work.
MOST_WAITING: Final = 6
_OPEN_PATIENCE_S: Final = 30.0
# Between attempts to come onto a service that is on its way up, which takes it some seconds.
_AGAIN_S: Final = 2.0
_AT_ONCE: Final = 8


class Driver:
    """`run` until cancelled. `on_ready` is called once, when the crews are at work."""

    def __init__(self, plan: CityPlan, target: Target, seed: int) -> None:
        self._plan = plan
        self._target = target
        self._seed = seed
        self._run = secrets.token_hex(4)
        # Everything but the city and its people may differ from run to run.
        self._chance = Random()  # noqa: S311  chance, not a secret
        # The time of day is that outside: nobody wants to look at a sleeping city at noon.
        self._clock = VirtualClock(time.time(), SPEED)

    async def run(self, on_ready: Callable[[], None]) -> None:
        async with Door(self._target.url, trust=self._target.trust) as door:
            tokens = self._target.tokens(door)
            patients = await self._people(door, tokens)
            devices = await self._devices(door, tokens)
            watch = Watch(self._target.url, tokens, self._target.region, self._target.trust)
            try:
                await _until_done(lambda: watch.socket.open(_OPEN_PATIENCE_S), "watching")
                await each(_on_duty, devices, _AT_ONCE)
                async with asyncio.TaskGroup() as work:
                    for device in devices:
                        work.create_task(device.run())
                    work.create_task(broadcast(devices, self._clock, POSITION_EVERY_S))
                    work.create_task(self._calls(door, tokens, patients, watch))
                    on_ready()
                    log.info("%d crews are on duty", len(devices))
            finally:
                # On duty they stay: this is a program's end, not a shift's.
                sockets = [watch.socket, *(device.socket for device in devices)]
                await asyncio.gather(*(one.close() for one in sockets), return_exceptions=True)

    async def _people(self, door: Door, tokens: Tokens) -> tuple[str, ...]:
        desk = await tokens.token("ops", DESK)
        region = self._target.region
        patients = await enlist_patients(door, desk, region, self._plan.patients)
        await enlist_doctors(door, desk, region, self._plan.doctors)
        return patients

    async def _devices(self, door: Door, tokens: Tokens) -> tuple[Device, ...]:
        desk = await tokens.token("ops", DESK)
        units = await enlist_units(door, desk, self._target.region, PLAY, self._plan.units)
        script = Script(
            run=self._run,
            seed=self._seed,
            clock=self._clock,
            city=City(self._plan.hospitals, GreatCircle()),
            habits=HABITS,
            service_of=_service_of,
            listener=_Deaf(),
        )
        trust = self._target.trust
        return tuple(Device(unit, self._target.url, tokens, script, trust) for unit in units)

    async def _calls(
        self, door: Door, tokens: Tokens, patients: Sequence[str], watch: Watch
    ) -> None:
        """Calls come in, for ever; the first at once, so that there is something to see."""
        async with asyncio.TaskGroup() as raising:
            for number in range(1, 1 << 62):
                if watch.waiting <= MOST_WAITING:
                    name = f"call {number} of demo {self._run}"
                    call = make_call(self._plan, name, self._chance)
                    raising.create_task(self._raise(door, tokens, patients, call))
                at = next_call_at(self._clock.now(), self._chance)
                await asyncio.sleep(self._clock.until(at))

    async def _raise(
        self, door: Door, tokens: Tokens, patients: Sequence[str], call: DemoCall
    ) -> None:
        patient = patients[call.patient]
        body = {
            "location": to_builtins(call.location),
            "address": call.address,
            "symptoms": (call.complaint, call.reference),
            "answers": to_builtins(answers_for(call.priority)),
            "region": self._target.region,
        }
        path = f"/api/patients/{patient}/emergency"
        try:
            await door.post(path, await tokens.token("patient", patient), body, call.reference)
        except ReplayError as error:
            log.warning("%s was not raised: %s", call.reference, error)


class _Deaf:
    """Nobody keeps a ledger of a demo."""

    def update(self, unit: str, offset: int, update: DeviceUpdate) -> None:
        return None

    def caught_up(self, unit: str, tasks: tuple[TaskView, ...]) -> None:
        return None


def _service_of(task: TaskView) -> Service:
    return service_for(reference(task), task.priority)


async def _on_duty(device: Device) -> None:
    await _until_done(lambda: device.open(_OPEN_PATIENCE_S), device.unit.name)


async def _until_done(attempt: Callable[[], Awaitable[None]], what: str) -> None:
    """Try for as long as it takes: the service may be on its way up again."""
    while True:
        with contextlib.suppress(ReplayError):
            await attempt()
            return
        log.warning("%s: no socket yet, trying again", what)
        await asyncio.sleep(_AGAIN_S)


async def enlist_doctors(
    door: Door, token: str, region: str, doctors: Sequence[DoctorPlan]
) -> None:
    """The doctors in the service's records, on duty."""
    for doctor in doctors:
        query = urlencode({"name": doctor.name, "region": region})
        found = (await door.get(f"/api/doctors?{query}", token))["items"]
        if not found:
            body = {
                "name": doctor.name,
                "specialties": (doctor.specialty,),
                "registration_number": doctor.registration_number,
                "region": region,
            }
            found = [await door.post("/api/doctors", token, body, f"play:{region}:{doctor.name}")]
        if found[0]["status"] in ("new", "off_duty"):
            path = f"/api/doctors/{found[0]['id']}/duty"
            with contextlib.suppress(DoorRefused):  # somebody else was quicker
                await door.post(path, token, {"action": "on_duty"}, secrets.token_hex(8))
