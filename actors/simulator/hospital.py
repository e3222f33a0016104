"""Which hospital a patient of a scenario is brought to: by the rule that holds live.

Without needs, load or closures that is the shortest travel, the first of the file on ties.
"""

from __future__ import annotations

from typing import Final

from actors.domain.hospital.choice import Candidate, choose
from actors.simulator.place import Place
from actors.simulator.scenario import Scenario
from actors.simulator.travel import MatrixTravel, StraightTravel

# Estimates that say the same at every hour.
_STEADY: Final = (MatrixTravel, StraightTravel)


class Hospitals:
    """Of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._travel = scenario.travel
        self._places = {scenario.place_ids[place.index]: place for place in scenario.hospitals}
        self._candidates = tuple(Candidate(id_, place) for id_, place in self._places.items())
        self._steady = isinstance(scenario.travel, _STEADY)
        self._found: dict[int, Place] = {}

    def nearest(self, scene: Place, now: float) -> Place:
        """For a patient who leaves `scene` now. The scenario must have a hospital."""
        found = self._found.get(scene.index)
        if found is None:
            best, *_ = choose(scene, (), self._candidates, self._travel, now)
            found = self._places[best.hospital]
            if self._steady:
                self._found[scene.index] = found
        return found
