"""A unit with its crew and device: one socket, one coroutine that does what is next.

All it knows of its tasks comes from the service: the facts of its channel, the answers to its
calls, and `tasks` after each reconnect. Its calls carry ids made of the task and the step, so that
one that had to be sent twice counts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from actors.domain.values import Location
from actors.domain.views.paramedic import DeviceUpdate, ParamedicView, TaskList, TaskView
from actors.fire_calls.call import Service
from web.replay.acknowledged import Acknowledged
from web.replay.clock import VirtualClock
from web.replay.crew import City, Habits, Move, answer, next_move
from web.replay.eta import Estimates
from web.replay.motion import Leg, drive
from web.replay.socket import CallRefused, Socket
from web.replay.target import Tokens

# Of the time an offer is open, a crew takes this share at most to look at it: at low speeds a
# look of virtual seconds is one of real seconds too.
_LOOK_SHARE: Final = 0.4
_GOODBYE_S: Final = 5.0
# After a refusal, before it looks again: what outdated its plan is on its way to it, and is there
# within a tenth of a second or two.
_REFUSED_PAUSE_S: Final = 0.2


class Deployed(Struct, frozen=True, kw_only=True):
    """A registered unit. `id`: the paramedic's. `name`: as people call it."""

    id: str
    name: str
    base: Location


class Listener(Protocol):
    """Who wants to know what units' sockets carry."""

    def update(self, unit: str, offset: int, update: DeviceUpdate) -> None:
        """A fact on the unit's channel; each at least once, mostly in order."""
        ...

    def caught_up(self, unit: str, tasks: tuple[TaskView, ...]) -> None:
        """After a reconnect: what the unit's tasks are."""
        ...


def _unnoted(_command: Acknowledged) -> None:
    """Nobody keeps a ledger."""


class Script(Struct, frozen=True, kw_only=True):
    """What all crews of a play have in common. `service_of`: how long a task's call takes.
    `note` gets each command in the moment that the service has answered it; `estimates` how the
    drives to scenes go.
    """

    run: str
    seed: int
    clock: VirtualClock
    city: City
    habits: Habits
    service_of: Callable[[TaskView], Service]
    listener: Listener
    note: Callable[[Acknowledged], None] = _unnoted
    estimates: Estimates | None = None


class Device:
    """`open`, then `run` until cancelled, then `close`."""

    def __init__(
        self,
        unit: Deployed,
        url: str,
        tokens: Tokens,
        script: Script,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.unit = unit
        self._script = script
        self._clock = script.clock
        self._tasks: dict[str, TaskView] = {}
        self._revision = 0
        self._refusals = 0
        self._stale = False
        self._stirred = asyncio.Event()
        self._seen_at: dict[str, float] = {}
        self._plan: tuple[str, str, Move] | None = None
        self._place = unit.base
        self._leg: Leg | None = None
        self.socket = Socket(
            url,
            lambda: tokens.token("paramedic", unit.id),
            f"device:{unit.id}",
            self._fact,
            self._subscribed,
            trust,
        )

    async def open(self, patience_s: float) -> None:
        """Connect and go on duty at the base. Raises ReplayError."""
        await self.socket.open(patience_s)
        await self._reread()
        with contextlib.suppress(CallRefused):  # on duty already: an earlier run was cut
            await self._command("shift.on", "on", position=self._position())

    async def close(self) -> None:
        """Off duty, if that is possible, and disconnected."""
        with contextlib.suppress(CallRefused, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._command("shift.off", "off")
        await self.socket.close()

    async def run(self) -> None:
        """Answer offers and work on tasks, for ever."""
        while True:
            self._stirred.clear()
            pause_s: float | None = 0.0
            try:
                if self._stale:
                    await self._reread()
                pause_s = await self._next()
            except CallRefused:
                # What we know is not what is: the task was withdrawn, or the offer is over.
                self._stale = True
                self._plan = None
                self._refusals += 1
                await asyncio.sleep(_REFUSED_PAUSE_S)
            if pause_s is None or pause_s > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stirred.wait()

    # -- where it is

    def here(self) -> Location:
        return self._place if self._leg is None else self._leg.at(self._clock.now())

    @property
    def moving(self) -> bool:
        return self._leg is not None

    def report(self) -> bool:
        """Send the position, if the socket is up and free."""
        here, now = self.here(), self._clock.now()
        told = self.socket.tell("position", {"lat": here.lat, "lon": here.lon})
        if told and self._script.estimates is not None and self._leg is not None:
            task, step = ("", "") if self._plan is None else self._plan[:2]
            if step == "en_route":
                self._script.estimates.reported(task, here, self._leg.end, now)
        return told

    def _position(self) -> dict[str, float]:
        here = self.here()
        return {"lat": here.lat, "lon": here.lon, "at": time.time()}

    def _stop(self) -> None:
        self._place, self._leg = self.here(), None

    # -- what it does

    async def _next(self) -> float | None:
        """Do what is due now. Real seconds until something may be due; None: when stirred."""
        live = next((task for task in self._tasks.values() if task.step != "pending"), None)
        if live is not None:
            return await self._advance(live)
        pauses = [await self._consider(task) for task in list(self._tasks.values())]
        return min((p for p in (*pauses, self._go_home()) if p is not None), default=None)

    async def _advance(self, task: TaskView) -> float:
        move = self._planned(task)
        pause_s = self._clock.until(move.at)
        if pause_s > 0:
            return pause_s
        self._stop()
        await self._command(
            "task.progress",
            f"{task.id}:{move.step}",
            task=task.id,
            step=move.step,
            position=self._position(),
        )
        if move.step == "on_scene" and self._script.estimates is not None:
            self._script.estimates.arrived(task.id, move.at)
        return 0.0

    def _planned(self, task: TaskView) -> Move:
        """The move that follows on this step; made once, when the step is first seen."""
        if self._plan is None or self._plan[:2] != (task.id, task.step):
            self._stop()
            service = self._script.service_of(task)
            move = next_move(
                task.step,
                task.location,
                self._place,
                self._clock.now(),
                service,
                self._script.city,
                f"{reference(task)}:{self.unit.name}",
            )
            self._plan = (task.id, task.step, move)
            self._leg = move.leg
        return self._plan[2]

    async def _consider(self, task: TaskView) -> float | None:
        """Answer an offer when the crew has looked at it."""
        script = self._script
        chosen = answer(script.seed, reference(task), self.unit.name, script.habits)
        if chosen.reply == "ignore":
            return None
        seen_at = self._seen_at.setdefault(task.id, time.monotonic())
        open_s = wall(task.expires_at) - wall(task.offered_at)
        look_s = min(self._clock.real_s(chosen.look_s), open_s * _LOOK_SHARE)
        pause_s = seen_at + look_s - time.monotonic()
        if pause_s > 0:
            return pause_s
        if chosen.reply == "accept":
            await self._command("task.accept", task.id, task=task.id)
            if script.estimates is not None:
                script.estimates.assigned(task.id, task.eta_s, self._clock.now())
        else:
            reason = "the crew declines"
            await self._command("task.decline", task.id, task=task.id, reason=reason)
        return 0.0

    def _go_home(self) -> float | None:
        """Drive to the base, unless it is there or on its way."""
        self._plan = None
        if self._leg is not None and self._leg.end != self.unit.base:
            self._stop()
        if self._leg is None and self._place != self.unit.base:
            now = self._clock.now()
            self._leg = drive(self._place, self.unit.base, now, self._script.city.travel)
        if self._leg is None:
            return None
        pause_s = self._clock.until(self._leg.arrives_at)
        if pause_s == 0:
            self._stop()
            self.report()  # the last one: where it stands from now on
            return None
        return pause_s

    # -- what it hears

    async def _command(self, method: str, key: str, **arguments: object) -> None:
        """Raises CallRefused. The answer shows the unit as it is after it."""
        # What was refused once is another command when it is tried again.
        id_ = f"{self._script.run}:{key}:{self._refusals}"
        answer = await self.socket.call(method, {"id": id_, **arguments})
        ref = f"paramedic:{self.unit.id}"
        self._script.note(Acknowledged(ref, "paramedic", self.unit.id, method, id_))
        view = msgspec.convert(answer, ParamedicView)
        if view.revision >= self._revision:
            self._revision = view.revision
            self._have(view.tasks)

    async def _reread(self) -> None:
        self._stale = False
        tasks = msgspec.convert(await self.socket.call("tasks", {}), TaskList).tasks
        self._have(tasks)
        self._script.listener.caught_up(self.unit.id, tasks)

    def _have(self, tasks: tuple[TaskView, ...]) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._seen_at = {id_: at for id_, at in self._seen_at.items() if id_ in self._tasks}

    def _fact(self, data: Any, offset: int) -> None:
        update = msgspec.convert(data, DeviceUpdate)
        self._script.listener.update(self.unit.id, offset, update)
        # The channel's offset is the unit's revision: what an answer has told us already is old.
        if offset <= self._revision:
            return
        self._revision = offset
        tasks = {id_: task for id_, task in self._tasks.items() if id_ in update.tasks}
        if update.task is not None and update.task.id in update.tasks:
            tasks[update.task.id] = update.task
        self._have(tuple(tasks.values()))
        self._stale |= len(tasks) < len(update.tasks)
        self._stirred.set()

    def _subscribed(self, gap: bool) -> None:
        self._stale = True
        self._stirred.set()


def reference(task: TaskView) -> str:
    """What a task's emergency was raised as: the last of its symptoms, else its id."""
    return task.symptoms[-1] if task.symptoms else task.emergency


def wall(text: str) -> float:
    """Epoch seconds of a time that the service wrote."""
    return datetime.fromisoformat(text).timestamp()
