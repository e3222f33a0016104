"""The people of the main flow, each with a socket: a crew's device, a caller's phone, a desk."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import centrifuge

from tests.acceptance.line import Line
from tests.acceptance.running import Running

SCENE = {"lat": 12.97, "lon": 77.59}
# Answers of which triage makes the second class: an emergency that needs an advanced crew.
SERIOUS = {"breathing": "yes", "conscious": "yes", "chest_pain": "yes"}


def north(of: dict[str, float], km: float) -> dict[str, float]:
    """The place this far to the north."""
    return {**of, "lat": of["lat"] + km / 111.2}


class Crew:
    """A paramedic on duty with its device's socket."""

    def __init__(self, id_: str, line: Line) -> None:
        self.id = id_
        self.line = line
        self.device = line.channels[f"device:{id_}"]

    async def offer(self, emergency: str) -> str:
        """Wait for the offer of this emergency: the task's id."""
        update = await self.device.until(
            lambda one: one["event"] == "TaskOffered" and one["task"]["emergency"] == emergency
        )
        return str(update["task"]["id"])

    async def told(self, event: str, task: str) -> Any:
        """Wait until the device was told this of a task."""
        return await self.device.until(
            lambda one: one["event"] == event and one["task"]["id"] == task
        )

    async def accept(self, emergency: str) -> str:
        task = await self.offer(emergency)
        view = await self.line.call("task.accept", task=task)
        assert view["status"] == "on_task"
        return task

    async def drive_through(self, task: str, *steps: str) -> None:
        for step in steps:
            await self.line.call("task.progress", task=task, step=step)

    async def refusal(self, method: str, **arguments: object) -> tuple[int, str]:
        """The code and the message with which a call is refused. Fails where it is not."""
        try:
            answer = await self.line.call(method, **arguments)
        except centrifuge.ReplyError as error:
            return error.code, error.message
        raise AssertionError(f"{method} was not refused: {answer}")


@asynccontextmanager
async def crew(service: Running, region: str, at: dict[str, float]) -> AsyncIterator[Crew]:
    """A new unit of an advanced crew, on duty at this place."""
    body = {"name": "Unit", "region": region, "skills": ["als", "bls"], "vehicle": "ambulance"}
    made = await service.ask("POST", "/api/paramedics", await service.ops(), body, 201)
    async with Line(service.url, await service.token("paramedic", made["id"])) as line:
        await line.listen(f"device:{made['id']}")
        await line.call("shift.on", position={**at, "at": time.time()})
        yield Crew(made["id"], line)


class Caller:
    """A patient with a phone."""

    def __init__(self, service: Running, id_: str, token: str, line: Line) -> None:
        self.id = id_
        self.line = line
        self.token = token
        self._service = service

    async def call_for_help(self, key: str | None = None, **answers: object) -> str:
        """Raise an emergency: its id."""
        body = {"location": SCENE, "symptoms": ["pain"], "answers": {**SERIOUS, **answers}}
        path = f"/api/patients/{self.id}/emergency"
        raised = await self._service.ask("POST", path, self.token, body, 201, key)
        return str(raised["id"])

    async def cancel(self, emergency: str) -> None:
        path = f"/api/emergencies/{emergency}/cancel"
        cancelled = await self._service.ask("POST", path, self.token, {"reason": "it is over"})
        assert cancelled["status"] == "cancelled"


@asynccontextmanager
async def caller(service: Running, region: str) -> AsyncIterator[Caller]:
    """A new patient."""
    body = {"name": "Asha Rao", "phone": "+919876543210", "region": region}
    made = await service.ask("POST", "/api/patients", await service.ops(), body, 201)
    token = await service.token("patient", made["id"])
    async with Line(service.url, token) as line:
        yield Caller(service, made["id"], token, line)


@asynccontextmanager
async def desk(service: Running, region: str) -> AsyncIterator[Line]:
    """The ops desk of a region, listening to `ops:` and `fleet:`."""
    async with Line(service.url, await service.ops()) as line:
        await line.listen(f"ops:{region}")
        await line.listen(f"fleet:{region}")
        yield line
