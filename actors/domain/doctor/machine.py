"""A doctor: its table, and who may send it what.

States: off_duty, available, away, retired. (in_consultation comes with consultations.)

Commands, and who may send them
- RegisterDoctor, RetireDoctor: staff. UpdateDoctor, SetAvailability: the doctor, staff.
- GoOnDuty, GoOffDuty, StepAway, Return: the doctor, staff.
- RequestConsultation, WithdrawRequest: the patient, their family account, staff. Requests wait in
  a queue, also while the doctor is off duty. One patient has at most one open request here.
- ViewDoctor: the doctor, staff. ViewAvailability: everybody with an account.
"""

from __future__ import annotations

from typing import Literal

from actors.domain.machine import NEW, Machine

DoctorStatus = Literal["new", "off_duty", "available", "away", "retired"]
REGISTERED: tuple[DoctorStatus, ...] = ("off_duty", "available", "away")
MACHINE = Machine(
    "doctor",
    {
        (NEW, "RegisterDoctor"): "off_duty",
        ("off_duty", "GoOnDuty"): "available",
        ("off_duty", "RetireDoctor"): "retired",
        ("available", "StepAway"): "away",
        ("available", "GoOffDuty"): "off_duty",
        ("away", "Return"): "available",
        ("away", "GoOffDuty"): "off_duty",
        **{
            (status, command): status
            for status in REGISTERED
            for command in (
                "UpdateDoctor",
                "SetAvailability",
                "RequestConsultation",
                "WithdrawRequest",
            )
        },
    },
)
