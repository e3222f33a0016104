"""A hospital as crews and dispatch know it: what it can do, whether it takes patients in, its load.

States: open, divert (only whom nobody else can take), closed (nobody), retired. Staff report beds
and queue; which ambulances are under way to it, and which stand at its door, is derived from what
the crews do and cannot be reported.

Commands, and who may send them
- RegisterHospital, UpdateHospital, ReportLoad, RetireHospital: staff.
- RecordAmbulance: paramedics' entities. Never refused; what is stale is ignored.
- ViewHospital: crews, doctors, staff. Changes nothing.
"""

from __future__ import annotations

from typing import Literal

from actors.domain.machine import NEW, Machine

HospitalStatus = Literal["new", "open", "divert", "closed", "retired"]
_IN_USE: tuple[HospitalStatus, ...] = ("open", "divert", "closed")
MACHINE = Machine(
    "hospital",
    {
        (NEW, "RegisterHospital"): "open",
        **{
            (state, f"ReportLoad:{intake}"): intake
            for state in _IN_USE
            for intake in ("open", "divert", "closed")
        },
        **{(state, "UpdateHospital"): state for state in _IN_USE},
        **{(state, "RetireHospital"): "retired" for state in _IN_USE},
    },
)
