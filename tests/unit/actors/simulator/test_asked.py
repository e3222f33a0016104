"""When the simulator asks the policy about idle units: as the live dispatcher does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from actors.domain.dispatch import Plan, Situation
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatch.situation import Part
from actors.domain.travel import TravelEstimate
from actors.simulator import load, simulate
from actors.simulator.crew import SHIFT_START_S
from tests.unit.actors.simulator.folder import CALLS, write


@dataclass
class Noting:
    """`closest_idle`, noting when it was asked, who waited and how many were free."""

    name: str = "noting"
    wants: frozenset[Part] = frozenset({"stations"})
    asked: list[tuple[float, int, int]] = field(default_factory=list)

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        self.asked.append((situation.now, len(situation.waiting), len(situation.free)))
        return POLICIES["closest_idle"].plan(situation, travel)


def test_while_nobody_waits_it_is_asked_when_those_who_stand_idle_change(tmp_path: Path) -> None:
    """Not when a crew is there, leaves, or hands over; but before the first call, with all crews
    on duty: a service moves them then."""
    calls = CALLS + "k1,10,b,1,10,1,20\n"
    policy = Noting()
    simulate(load(write(tmp_path, {"calls.csv": calls})), policy)
    cleared_s = 10 + 100 + 10 + 100 + 20.0
    assert policy.asked == [(SHIFT_START_S, 0, 2), (10, 1, 2), (10, 0, 1), (cleared_s, 0, 2)]
