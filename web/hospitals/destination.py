"""The hospital that a crew names, with what travels on from there: its name and its place."""

from __future__ import annotations

from actors.domain.values import Destination
from actors.domain.views.hospital import HospitalView
from actors.domain.views.paramedic import ParamedicView


def destination_of(view: HospitalView | None) -> Destination | None:
    """What the task, the emergency and those who follow it are told of a hospital.

    None: there is none, or none any more. One that takes nobody in is the crew's to judge: they
    have the patient.
    """
    if view is None or view.status == "retired":
        return None
    return Destination(hospital=view.id, name=view.name, location=view.location)


def known_destination(
    unit: ParamedicView | None, task_id: str, hospital_id: str
) -> Destination | None:
    """The hospital as the task has it already: what a repeat of the same words must say again.

    None: the task has none, or another. A hospital that was renamed, moved or retired meanwhile
    would make another command of a repeat, which is to get the first one's answer.
    """
    tasks = () if unit is None else unit.tasks
    to = next((task.hospital for task in tasks if task.id == task_id), None)
    return to if to is not None and to.hospital == hospital_id else None
