"""One unit by itself, and what it is told and says."""

from __future__ import annotations

from typing import Any

from actors.domain.messages.to_paramedic import OfferTask
from actors.domain.paramedic.commands import AcceptTask
from actors.domain.task import Task
from tests.unit.actors.domain.cast import CENTRE, SYSTEM, crew, unit_ref
from tests.unit.actors.domain.world import REGION, START, World

U = unit_ref("u")
ME = crew("u")


def a_task(id_: str = "t", priority: int = 2, raised_at: float = START - 5) -> Task:
    return Task(
        id=id_,
        emergency=f"e-{id_}",
        region=REGION,
        attempt=1,
        revision=1,
        patient_id="pat",
        priority=priority,
        location=CENTRE,
        address="12 Ring Road",
        symptoms=("chest tight",),
        needs=("als",),
        raised_at=raised_at,
        offered_at=START,
        expires_at=START + 30,
        eta_s=240.0,
    )


def offer(world: World, task: Task) -> None:
    world.ask(U, OfferTask(task=task), SYSTEM)


def accepted(world: World, task: Task | None = None) -> Task:
    task = task or a_task()
    offer(world, task)
    world.ask(U, AcceptTask(task=task.id), ME)
    world.bus.clear()
    return task


def said(world: World, kind: type[Any]) -> list[Any]:
    return [m.command for m in world.bus if isinstance(m.command, kind)]
