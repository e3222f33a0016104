"""A planned shift of one unit: the durable timer that brings the plan to its crew.

States: planned, announced (its unit has been told, shortly before it begins), cancelled. Plans
reach far ahead, and a unit should not carry them all: so each waits in an entity of its own until
its time has nearly come. Whether the crew is then where it should be is the unit's to see
(paramedic/shift.py).

Commands, and who may send them
- PlanShift: staff, by way of the records, which know that no two shifts of a unit overlap. Again
  with each change, and with its end.
- Wake: the runtime, when the unit is to be told.
"""

from __future__ import annotations

from typing import Literal

from actors.domain.machine import NEW, Machine

ShiftStatus = Literal["new", "planned", "announced", "cancelled"]
MACHINE = Machine(
    "shift",
    {
        (NEW, "PlanShift"): "planned",
        (NEW, "PlanShift:cancelled"): "cancelled",
        ("planned", "PlanShift"): "planned",
        ("planned", "Wake"): "announced",
        ("planned", "PlanShift:cancelled"): "cancelled",
        ("announced", "PlanShift"): "announced",
        ("announced", "PlanShift:cancelled"): "cancelled",
    },
)
