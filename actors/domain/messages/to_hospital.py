"""To a hospital, from paramedics."""

from __future__ import annotations

from actors.domain.kernel import Command
from actors.domain.messages.status import AmbulancePhase
from actors.domain.values import Id, Priority, Seconds


class RecordAmbulance(Command, frozen=True, kw_only=True):
    """How far the unit is with the patient of a task, `at` the crew's moment."""

    task: Id
    unit: Id
    priority: Priority
    phase: AmbulancePhase
    at: Seconds
