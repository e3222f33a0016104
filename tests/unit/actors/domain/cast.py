"""The people of the tests, and short ways to say what they do."""

from __future__ import annotations

from typing import Any

from actors.domain.dispatcher.events import OfferMade
from actors.domain.emergency.commands import RaiseEmergency
from actors.domain.kernel import EntityRef, Sender
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    GoOnDuty,
    ProgressTask,
    RegisterParamedic,
)
from actors.domain.task import Task
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location, Position
from tests.unit.actors.domain.world import DISPATCHER, REGION, World

SYSTEM = Sender("system", "test:test")
ADMIN = Sender("admin", "admin-1")
CENTRE = Location(28.60, 77.20)
HARMLESS = TriageAnswers(
    breathing="yes",
    conscious="yes",
    breathing_difficulty="no",
    severe_bleeding="no",
    seizure_now="no",
    severe_allergic_reaction="no",
    chest_pain="no",
    stroke_signs="no",
    in_labour="no",
    high_energy_trauma="no",
    pain_score=1,
    age_years=30,
)
# One caller for each class that triage knows.
ANSWERS = {
    1: TriageAnswers(breathing="no"),
    2: TriageAnswers(breathing="yes", conscious="yes", chest_pain="yes"),
    3: TriageAnswers(breathing="yes", conscious="yes"),
    4: HARMLESS,
}


def patient(id_: str = "pat") -> Sender:
    return Sender("patient", id_)


def crew(unit: str) -> Sender:
    return Sender("paramedic", unit)


def unit_ref(unit: str) -> EntityRef:
    return EntityRef("paramedic", unit)


def emergency_ref(emergency: str) -> EntityRef:
    return EntityRef("emergency", emergency)


def north_of_centre(km: float) -> Location:
    return Location(CENTRE.lat + km / 111.2, CENTRE.lon)


def raise_emergency(
    world: World,
    id_: str,
    priority: int = 2,
    at: Location = CENTRE,
    patient_id: str = "pat",
    received_at: float | None = None,
) -> None:
    command = RaiseEmergency(
        patient_id=patient_id,
        region=REGION,
        location=at,
        symptoms=("chest tight",),
        answers=ANSWERS[priority],
        contact_phone="+91 11 5550100",
        received_at=received_at,
    )
    world.ask(emergency_ref(id_), command, patient(patient_id))


def register(world: World, unit: str, skills: tuple[str, ...] = ("als",)) -> None:
    command = RegisterParamedic(name=unit.title(), region=REGION, skills=skills, vehicle="van")
    world.ask(unit_ref(unit), command, ADMIN)


def on_duty(world: World, unit: str, km: float = 1.0, skills: tuple[str, ...] = ("als",)) -> None:
    """Registered and available, so far north of the centre."""
    register(world, unit, skills)
    here = north_of_centre(km)
    world.ask(
        unit_ref(unit), GoOnDuty(position=Position(here.lat, here.lon, world.now)), crew(unit)
    )


def only_task(world: World, unit: str) -> Task:
    (task,) = world.unit(unit).tasks
    return task


def accept(world: World, unit: str) -> str:
    """The crew takes the one task it was offered."""
    task = only_task(world, unit)
    world.ask(unit_ref(unit), AcceptTask(task=task.id), crew(unit))
    return task.id


def decline(world: World, unit: str) -> None:
    task = only_task(world, unit)
    world.ask(unit_ref(unit), DeclineTask(task=task.id, reason="no fuel"), crew(unit))


def progress(world: World, unit: str, *steps: str) -> None:
    """The crew goes through steps of its one task; everybody hears of each."""
    for step in steps:
        task = only_task(world, unit)
        # Steps come as any text here; a wrong one would be refused, and fail the test.
        command = ProgressTask(task=task.id, step=step)  # type: ignore[arg-type]
        world.ask(unit_ref(unit), command, crew(unit))
        world.settle()


def asked(world: World, unit: str = "u", emergency: str = "e") -> None:
    """A unit comes on duty, and is asked for an emergency."""
    on_duty(world, unit)
    raise_emergency(world, emergency)
    world.settle()


def asked_among(world: World, **km: float) -> None:
    """Units come on duty, each so far from `e`; the nearest is asked for it."""
    for unit, away in km.items():
        on_duty(world, unit, away)
    raise_emergency(world, "e")
    world.settle()


def engaged(world: World, unit: str = "u", emergency: str = "e") -> None:
    """A unit comes on duty, and has accepted an emergency; everybody has heard of it."""
    asked(world, unit, emergency)
    accept(world, unit)
    world.settle()


def offers(world: World) -> list[tuple[str, str]]:
    """Each offer ever made: emergency, unit."""
    return [(e.emergency, e.unit) for e in world.events(DISPATCHER, OfferMade)]


def of_kind(world: World, kind: type) -> int:
    """The place on the bus of the one message of this kind."""
    (index,) = [n for n, m in enumerate(world.bus) if isinstance(m.command, kind)]
    return index


def late(world: World, kind: type) -> Any:
    """The message of this kind is taken off the bus, to come later."""
    return world.bus.pop(of_kind(world, kind))
