"""A replay: units on their sockets, callers at the REST API, and a ledger of what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, to_builtins

from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Location
from actors.domain.views.paramedic import DeviceUpdate, TaskView
from actors.fire_calls.call import UNKNOWN_SERVICE, Call, Service, answers_for
from actors.fire_calls.export import Record
from actors.fire_calls.fleet import Unit
from web.replay.acknowledged import Acknowledged
from web.replay.clock import VirtualClock
from web.replay.crew import City, Habits
from web.replay.device import Device, Script, reference, wall
from web.replay.door import Door
from web.replay.errors import DoorRefused, ReplayError
from web.replay.eta import Estimates
from web.replay.ledger import Ledger, Outcome
from web.replay.motion import Traffic
from web.replay.radio import broadcast
from web.replay.report import Result
from web.replay.roster import enlist_patients, enlist_units, stand_down
from web.replay.several import each
from web.replay.target import DESK, Target, Tokens
from web.replay.watch import Watch

PLAY: Final = "replay"
# Callers are few people with many names: what they call for is in the call.
CALLERS: Final = 40
OPEN_PATIENCE_S: Final = 60.0
_OPEN_AT_ONCE: Final = 16
_ASK_AT_ONCE: Final = 16
# The first call comes this long (real) after all is ready.
_HEAD_START_S: Final = 1.0
# How long (real) nothing may happen at the end before what is still open counts as lost: an
# offer's time and a round of refusals, several times over.
STALL_S: Final = 150.0
# And in virtual time: longer than any recorded turnaround with its drives.
STALL_VIRTUAL_S: Final = 6 * 3600.0


class Play(Struct, frozen=True, kw_only=True):
    """What is played, and how."""

    record: Record
    units: tuple[Unit, ...]
    speed: float
    seed: int
    habits: Habits
    hospitals: tuple[Location, ...]
    travel: TravelEstimate = GreatCircle()
    traffic: Traffic | None = None


class Player:
    """`run` once. What it knows meanwhile is for the display.

    `on_acknowledged` gets the id of each emergency in the moment that the service has answered it;
    `on_command` gets that command then, and each that a crew's device has sent.
    """

    def __init__(
        self,
        play: Play,
        target: Target,
        run: str,
        on_acknowledged: Callable[[str], None] | None = None,
        on_command: Callable[[Acknowledged], None] = lambda _command: None,
    ) -> None:
        self.calls = play.record.calls
        self.ledger = Ledger()
        self.devices: tuple[Device, ...] = ()
        self.clock: VirtualClock | None = None
        self.phase = "registering units and callers"
        self._play = play
        self._target = target
        self._run = run
        self._on_acknowledged = on_acknowledged
        self._on_command = on_command
        self._services = {self._reference(call): call.service for call in self.calls}
        self._by_reference = {self._reference(call): call.id for call in self.calls}
        self._watch: Watch | None = None
        self._estimates = Estimates(play.travel)
        self.unacknowledged: list[str] = []
        self._moved_at = time.monotonic()

    # -- for the display

    @property
    def ended(self) -> int:
        return 0 if self._watch is None else len(self._open_ones().ended)

    @property
    def waiting(self) -> int:
        return 0 if self._watch is None else self._watch.waiting

    @property
    def reconnects(self) -> int:
        return sum(device.socket.reconnects for device in self.devices)

    # -- the play

    async def run(self) -> Result:
        """Raises ReplayError where it cannot begin, or a request was refused."""
        began = time.monotonic()
        trust = self._target.trust
        async with Door(self._target.url, trust=trust) as door:
            tokens = self._target.tokens(door)
            desk = await tokens.token("ops", DESK)
            units = await enlist_units(door, desk, self._target.region, PLAY, self._play.units)
            await stand_down(door, desk, self._target.region, PLAY, {unit.id for unit in units})
            names = [f"Caller {number:02d}" for number in range(1, CALLERS + 1)]
            patients = await enlist_patients(door, desk, self._target.region, names)
            start = self.calls[0].received_at - _HEAD_START_S * self._play.speed
            self.clock = VirtualClock(start, self._play.speed)
            self._watch = Watch(self._target.url, tokens, self._target.region, trust)
            await self._watch.socket.open(OPEN_PATIENCE_S)
            script = self._script(self.clock)
            self.phase = "opening sockets"
            self.devices = tuple(
                Device(unit, self._target.url, tokens, script, trust) for unit in units
            )
            try:
                async with self._on_duty(self.clock):
                    self.clock.restart(start)
                    self.phase = "calls come in"
                    await self._raise_all(door, tokens, patients)
                    self.phase = "draining"
                    await self._drain()
                    self.phase = "asking what became of them"
                    await self._conclude(door, tokens)
            finally:
                await self._watch.socket.close()
            return self._result(door, time.monotonic() - began)

    def _script(self, clock: VirtualClock) -> Script:
        return Script(
            run=self._run,
            seed=self._play.seed,
            clock=clock,
            city=City(self._play.hospitals, self._play.travel, self._play.traffic),
            habits=self._play.habits,
            service_of=self._service_of,
            listener=self,
            note=self._on_command,
            estimates=self._estimates,
        )

    @asynccontextmanager
    async def _on_duty(self, clock: VirtualClock) -> AsyncIterator[None]:
        """All units on duty and at work inside; off duty and disconnected on leaving."""
        working: list[asyncio.Task[None]] = []
        try:
            await each(lambda device: device.open(OPEN_PATIENCE_S), self.devices, _OPEN_AT_ONCE)
            working += [asyncio.create_task(device.run()) for device in self.devices]
            working.append(asyncio.create_task(broadcast(self.devices, clock)))
            body = asyncio.current_task()
            assert body is not None, "we run in a task"
            for task in working:
                task.add_done_callback(lambda ended: _fail(ended, body))
            yield
        finally:
            for task in working:
                task.cancel()
            ends = await asyncio.gather(*working, return_exceptions=True)
            await each(lambda device: device.close(), self.devices, _OPEN_AT_ONCE)
            for end in ends:
                if isinstance(end, Exception):
                    raise end

    async def _raise_all(self, door: Door, tokens: Tokens, patients: Sequence[str]) -> None:
        assert self.clock is not None
        async with asyncio.TaskGroup() as raising:
            for number, call in enumerate(self.calls):
                await asyncio.sleep(self.clock.until(call.received_at))
                patient = patients[number % len(patients)]
                raising.create_task(self._raise(door, tokens, patient, call))

    async def _raise(self, door: Door, tokens: Tokens, patient: str, call: Call) -> None:
        body = {
            "location": to_builtins(call.location),
            "symptoms": (call.type or "unknown", self._reference(call)),
            "answers": to_builtins(answers_for(call.priority)),
            "region": self._target.region,
        } | ({"address": call.address} if call.address else {})
        token = await tokens.token("patient", patient)
        path = f"/api/patients/{patient}/emergency"
        key = self._reference(call)
        self.ledger.posted(call.id, time.monotonic())
        try:
            raised = await door.post(path, token, body, key)
        except ReplayError as error:
            self.unacknowledged.append(f"call {call.id}: {error}")
            return
        self.ledger.acknowledge(call.id, raised["id"])
        ref = f"emergency:{raised['id']}"
        self._on_command(Acknowledged(ref, "patient", patient, f"POST {path}", key))
        if self._on_acknowledged is not None:
            self._on_acknowledged(raised["id"])
        self._stir()

    async def _drain(self) -> None:
        """Until all have ended, or nothing has happened for longer than anything takes."""
        assert self._watch is not None and self.clock is not None
        patience_s = max(STALL_S, self.clock.real_s(STALL_VIRTUAL_S))
        while self._open_ones().open:
            self._watch.changed.clear()
            left_s = self._moved_at + patience_s - time.monotonic()
            if left_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, 1.0)):
                    await self._watch.changed.wait()

    def _open_ones(self) -> _Standing:
        assert self._watch is not None
        ours = set(self.ledger.acknowledged.values())
        return _Standing(ours & self._watch.ended, ours - self._watch.ended)

    async def _conclude(self, door: Door, tokens: Tokens) -> None:
        """Ask the service itself how each stands: our ears may have missed something."""
        desk = await tokens.token("ops", DESK)

        async def ask(emergency: str) -> None:
            try:
                detail = await door.get(f"/api/emergencies/{emergency}", desk)
            except DoorRefused:
                return  # it does not know it: lost
            self.ledger.conclude(outcome_of(detail))

        await each(ask, self.ledger.acknowledged.values(), _ASK_AT_ONCE)

    # -- what the units' sockets carry (device.Listener)

    def update(self, unit: str, offset: int, update: DeviceUpdate) -> None:
        task = update.task
        call = None if task is None else self._by_reference.get(reference(task))
        self.ledger.heard(unit, offset, update, wall(update.at), call, time.monotonic())
        self._stir()

    def caught_up(self, unit: str, tasks: tuple[TaskView, ...]) -> None:
        self.ledger.caught_up(unit, (task.id for task in tasks), time.time())

    def _stir(self) -> None:
        self._moved_at = time.monotonic()

    def _service_of(self, task: TaskView) -> Service:
        """Of an emergency of somebody else's, or an earlier run's, nothing is recorded."""
        return self._services.get(reference(task), UNKNOWN_SERVICE)

    def _reference(self, call: Call) -> str:
        return f"call {call.id} of replay {self._run}"

    def _result(self, door: Door, took_s: float) -> Result:
        assert self._watch is not None
        ours = set(self.ledger.acknowledged.values())
        sockets = [self._watch.socket, *(device.socket for device in self.devices)]
        return Result(
            verdict=self.ledger.verdict(),
            outcomes=tuple(self.ledger.outcomes.values()),
            speed=self._play.speed,
            offers=self._watch.outcomes(ours),
            latencies_s=self.ledger.latencies_s(self._watch.waited),
            waited=len(ours & self._watch.waited),
            imputed=sum(call.imputed for call in self.calls),
            unacknowledged=len(self.unacknowledged),
            reconnects=sum(socket.reconnects for socket in sockets),
            gaps=sum(socket.gaps for socket in sockets),
            retries=door.retries,
            positions=sum(device.socket.told for device in self.devices),
            dirty=self._play.record.dirty,
            skipped=self._play.record.skipped,
            took_s=took_s,
            arrivals=self._estimates.errors(),
        )


class _Standing(Struct, frozen=True):
    ended: set[str]
    open: set[str]


def outcome_of(detail: dict[str, Any]) -> Outcome:
    """An emergency's detail, as the API answers it, as far as it matters here."""
    times = {
        status: datetime.fromisoformat(at).timestamp() for status, at in detail["times"].items()
    }
    return Outcome(
        emergency=detail["id"],
        status=detail["status"],
        priority=detail["priority"],
        unit=detail["unit"],
        raised_at=datetime.fromisoformat(detail["raised_at"]).timestamp(),
        assigned_at=times.get("assigned"),
        on_scene_at=times.get("on_scene"),
    )


def _fail(ended: asyncio.Task[None], body: asyncio.Task[Any]) -> None:
    """A crew's program has a fault: the play ends, rather than going on without it."""
    if not ended.cancelled() and ended.exception() is not None:
        body.cancel()
