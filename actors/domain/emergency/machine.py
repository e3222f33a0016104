"""An emergency: its table, and who may send it what.

States: raised (nobody on the way), assigned (a crew accepted), en_route, on_scene, transporting,
at_hospital; it ends closed (treated on scene, or handed over), cancelled, or merged into another
one (from which it can be raised again). The states are those of its primary unit.

Commands, and who may send them
- RaiseEmergency: patient, family account, staff. Priority and needs are decided by triage.
- TakeOverEmergency: the system alone. Priority and needs were decided elsewhere.
- CancelEmergency: patient, family account, staff; in any state but the last ones.
- OverridePriority: staff.
- HoldEmergency, ReleaseEmergency, StageEmergency, OrderUnits, StandDownUnit, MergeEmergency:
  staff, who say why (orders.py).
- LinkDuplicate, ReturnDuplicate, FollowPrimary: other emergencies (merge.py).
- ViewEmergency: patient, family account, the assigned crew, staff. Changes nothing.
- AssignUnit, RecordProgress, ReleaseUnit: paramedics' entities only. They are never refused: what
  is stale is ignored, and who comes too late is told to withdraw.

Progress may skip states, for a message can overtake the one before it; it never goes back, except
that a released unit leads back to raised.
"""

from __future__ import annotations

from actors.domain.machine import NEW, Machine
from actors.domain.messages.status import EmergencyStatus
from actors.domain.task import LIVE
from actors.domain.values import Step

_WITH_CREW: tuple[EmergencyStatus, ...] = (
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
)
LIVE_STATES: tuple[EmergencyStatus, ...] = ("raised", *_WITH_CREW)
ENDED: tuple[EmergencyStatus, ...] = ("closed", "cancelled", "merged")
# While nobody is with the patient.
_NOT_THERE: tuple[EmergencyStatus, ...] = ("raised", "assigned", "en_route")
# The crew's step and the state it puts the emergency in.
STATUS_OF_STEP: dict[Step, EmergencyStatus] = {
    **dict(zip(LIVE, _WITH_CREW, strict=True)),
    "completed": "closed",
}
MACHINE = Machine(
    "emergency",
    {
        (NEW, "RaiseEmergency"): "raised",
        (NEW, "TakeOverEmergency"): "raised",
        ("raised", "AssignUnit"): "assigned",
        **{
            (state, f"RecordProgress:{step}"): target
            for at, state in enumerate(_WITH_CREW)
            for step, target in list(STATUS_OF_STEP.items())[at + 1 :]
        },
        **{(state, "ReleaseUnit"): "raised" for state in _WITH_CREW},
        **{(state, "CancelEmergency"): "cancelled" for state in LIVE_STATES},
        **{(state, "OverridePriority"): state for state in LIVE_STATES},
        ("raised", "HoldEmergency"): "raised",
        **{(state, "StageEmergency"): state for state in _NOT_THERE},
        **{(state, "ReleaseEmergency"): state for state in LIVE_STATES},
        **{(state, "OrderUnits"): state for state in LIVE_STATES},
        **{(state, "StandDownUnit"): state for state in LIVE_STATES},
        **{(state, "LinkDuplicate"): state for state in LIVE_STATES},
        **{(state, "MergeEmergency"): "merged" for state in _NOT_THERE},
        ("merged", "ReturnDuplicate"): "raised",
        ("merged", "FollowPrimary"): "merged",
    },
)
