"""Who is sent where: a pure policy over the waiting and the free.

The order is the promise of the service: highest priority first, then oldest; to each the unit
that is there soonest among those free with the skills it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from actors.domain.travel import TravelEstimate
from actors.domain.values import ALS, BLS, Location

# What a skill stands for besides itself: advanced crews do all that basic ones do.
_IMPLIES: dict[str, frozenset[str]] = {ALS: frozenset({BLS})}


class Waiting(Struct, frozen=True):
    """An emergency to find a unit for. `refused_by`: units that are not to be asked."""

    emergency: str
    priority: int
    raised_at: float
    location: Location
    needs: tuple[str, ...]
    refused_by: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key: priority, then age, then id so that the order is total."""
        return (self.priority, self.raised_at, self.emergency)


class FreeUnit(Struct, frozen=True):
    """A unit that can be asked, where it was last seen."""

    unit: str
    location: Location
    skills: tuple[str, ...]


class Proposal(Struct, frozen=True):
    """Ask this unit for that emergency. `eta_s`: travel time to it."""

    emergency: str
    unit: str
    eta_s: float


class Plan(Struct, frozen=True):
    """What a policy proposes: each unit and each emergency at most once.

    `refused`: emergencies for which there are free units with the skills, all of which refused.
    """

    proposals: tuple[Proposal, ...]
    refused: tuple[str, ...] = ()


class Policy(Protocol):
    """Decides which free unit is asked for which waiting emergency."""

    def plan(
        self, waiting: Iterable[Waiting], units: Sequence[FreeUnit], travel: TravelEstimate
    ) -> Plan:
        """Pure: the same for the same arguments, whatever their order."""
        ...


def provides(skills: Collection[str], needs: Iterable[str]) -> bool:
    """Whether a crew with these skills can do what is needed."""
    return all(
        need in skills or any(need in _IMPLIES.get(skill, ()) for skill in skills) for need in needs
    )


@dataclass(frozen=True, slots=True)
class ClosestIdle:
    """Greedy in the order of rank: the most urgent gets the closest, the next what is left.

    A unit is never kept back for a more urgent call that may come. Equal travel times are decided
    by the unit's id, so that a plan made again is the same plan.
    """

    def plan(
        self, waiting: Iterable[Waiting], units: Sequence[FreeUnit], travel: TravelEstimate
    ) -> Plan:
        free = {unit.unit: unit for unit in units}
        # Few kinds of needs, many emergencies: who could go is looked up once for each kind.
        skilled: dict[tuple[str, ...], list[FreeUnit]] = {}
        proposals: list[Proposal] = []
        refused: list[str] = []
        for case in sorted(waiting, key=lambda case: case.rank):
            if not free:
                break
            if case.needs not in skilled:
                skilled[case.needs] = _skilled(units, case.needs)
            able = [unit for unit in skilled[case.needs] if unit.unit in free]
            willing = [unit for unit in able if unit.unit not in case.refused_by]
            if willing:
                eta_s, unit_id = min(
                    (travel.seconds(unit.location, case.location), unit.unit) for unit in willing
                )
                proposals.append(Proposal(case.emergency, unit_id, eta_s))
                del free[unit_id]
            elif able:
                refused.append(case.emergency)
        return Plan(tuple(proposals), tuple(refused))


def _skilled(units: Sequence[FreeUnit], needs: tuple[str, ...]) -> list[FreeUnit]:
    # A fleet has hundreds of units and a handful of skill sets.
    sets = {skills: provides(skills, needs) for skills in {unit.skills for unit in units}}
    return [unit for unit in units if sets[unit.skills]]
