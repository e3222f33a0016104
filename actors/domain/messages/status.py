"""The words for how things stand, as entities tell each other."""

from __future__ import annotations

from typing import Literal

EmergencyStatus = Literal[
    "new",
    "raised",
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
    "closed",
    "cancelled",
    "merged",
]
SlotStatus = Literal[
    "ordered", "assigned", "en_route", "on_scene", "transporting", "at_hospital", "completed"
]
UnitAvailability = Literal["new", "off_duty", "available", "on_task", "on_break", "retired"]
# unavailable: the unit was not free (any more) when the offer came; no crew was asked.
OfferOutcome = Literal["accepted", "declined", "expired", "withdrawn", "unavailable"]
# merged: it is the same as another one, which goes on.
EndReason = Literal["closed", "cancelled", "merged"]
CareOutcome = Literal["treated_on_scene", "handed_over"]
# absent: a shift runs without its unit; overrun: it is over and its unit idles on duty.
ShiftFault = Literal["absent", "overrun"]
# How far an ambulance is with a patient for a hospital; gone: handed over, or called back.
AmbulancePhase = Literal["under_way", "at_handover", "gone"]
# cancelled: the task went because its emergency is over.
TaskEnd = Literal["completed", "handed_back", "withdrawn", "cancelled"]
