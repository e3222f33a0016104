"""Whether a unit can do what an emergency needs: skills and vehicle."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from actors.domain.dispatch.situation import BusyUnit, FreeUnit, Waiting
from actors.domain.values import ALS, BLS

# What a skill stands for besides itself: advanced crews do all that basic ones do.
_IMPLIES: dict[str, frozenset[str]] = {ALS: frozenset({BLS})}


def provides(skills: Collection[str], needs: Iterable[str]) -> bool:
    """Whether a crew with these skills can do what is needed."""
    return all(
        need in skills or any(need in _IMPLIES.get(skill, ()) for skill in skills) for need in needs
    )


# Asked for each pair of a crew and a call, of which there are a handful of kinds.
_provided = lru_cache(maxsize=1024)(provides)


def suits(unit: FreeUnit | BusyUnit, case: Waiting) -> bool:
    """Whether the unit has the skills and the vehicle; not whether its crew is willing."""
    return (not case.vehicles or unit.vehicle in case.vehicles) and (
        not case.needs or _provided(unit.skills, case.needs)
    )
