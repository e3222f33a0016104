"""Who is sent where: pure policies over one situation, chosen by name.

`situation.py` says what a policy is shown and what it may propose; each policy has a file named
after it; `catalogue.py` knows them all. The live dispatcher and the simulator ask the same ones.
May be imported by anything; imports nothing but its neighbours in the domain.
"""

from actors.domain.dispatch.closest_idle import ClosestIdle
from actors.domain.dispatch.priority import ByPriority
from actors.domain.dispatch.situation import (
    BusyUnit,
    FreeUnit,
    Hold,
    Hotspot,
    Move,
    Part,
    Plan,
    Policy,
    Preemption,
    Proposal,
    Situation,
    Station,
    Waiting,
)
from actors.domain.dispatch.suitability import provides, suits

__all__ = [
    "BusyUnit",
    "ByPriority",
    "ClosestIdle",
    "FreeUnit",
    "Hold",
    "Hotspot",
    "Move",
    "Part",
    "Plan",
    "Policy",
    "Preemption",
    "Proposal",
    "Situation",
    "Station",
    "Waiting",
    "provides",
    "suits",
]
