"""The hospital that a crew names, with what travels on from there: its name and its place."""

from __future__ import annotations

from actors.domain.values import Destination
from actors.domain.views.hospital import HospitalView


def destination_of(view: HospitalView | None) -> Destination | None:
    """What the task, the emergency and those who follow it are told of a hospital.

    None: there is none, or none any more. One that takes nobody in is the crew's to judge: they
    have the patient.
    """
    if view is None or view.status == "retired":
        return None
    return Destination(hospital=view.id, name=view.name, location=view.location)
