"""A paramedic (a unit: crew, vehicle, device): its table, and who may send it what.

Positions: position.py. Its tasks: domain/task.py.

States: off_duty, available, on_task (exactly one live task), on_break, retired. On duty is all
but off_duty and retired: only then are positions taken in.

Commands, and who may send them
- RegisterParamedic, UpdateParamedic, RetireParamedic: staff.
- GoOnDuty, GoOffDuty, TakeBreak, EndBreak: the paramedic, staff. Not with a live task: that must
  be handed back first. Offers still open are declined by leaving. Who leaves may hand over to the
  next crew.
- AcceptTask, DeclineTask, ProgressTask, RedirectTask: the paramedic. HandBackTask: the paramedic,
  staff.
- ViewParamedic, ListTasks: the paramedic, staff. Change nothing.
- OfferTask, ReprioritizeTask, DivertUnit, StageTask, MoveToStation: dispatchers. WithdrawTask:
  dispatchers, emergencies, staff. ShareTrack: emergencies.
- AnnounceShift: shifts. TakeOver: the paramedic who hands over.
- Wake: the runtime, when the earliest offer has expired, or the crew is not where its shift has it
  (shift.py).

Whether an offer was accepted, declined, expired or withdrawn is decided by this entity and nowhere
else.
"""

from __future__ import annotations

from actors.domain.machine import NEW, Machine
from actors.domain.messages.status import UnitAvailability
from actors.domain.task import LIVE

ON_DUTY: tuple[UnitAvailability, ...] = ("available", "on_task", "on_break")
MACHINE = Machine(
    "paramedic",
    {
        (NEW, "RegisterParamedic"): "off_duty",
        ("off_duty", "GoOnDuty"): "available",
        ("off_duty", "UpdateParamedic"): "off_duty",
        ("off_duty", "RetireParamedic"): "retired",
        ("available", "AcceptTask"): "on_task",
        ("available", "DeclineTask"): "available",
        ("available", "TakeBreak"): "on_break",
        ("available", "GoOffDuty"): "off_duty",
        ("available", "UpdateParamedic"): "available",
        **{("on_task", f"ProgressTask:{step}"): "on_task" for step in LIVE[1:]},
        ("on_task", "ProgressTask:completed"): "available",
        ("on_task", "RedirectTask"): "on_task",
        ("on_task", "HandBackTask"): "available",
        ("on_task", "WithdrawTask"): "available",
        ("on_task", "DivertUnit"): "on_task",
        ("available", "MoveToStation"): "available",
        ("on_task", "UpdateParamedic"): "on_task",
        ("on_break", "EndBreak"): "available",
        ("on_break", "GoOffDuty"): "off_duty",
        ("on_break", "UpdateParamedic"): "on_break",
    },
)
