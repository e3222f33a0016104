"""Whether a unit can do what an emergency needs, skills and vehicle; and the words for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from actors.domain.choice import Bar
from actors.domain.dispatch.situation import CLOSEST, BusyUnit, FreeUnit, Waiting
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


def bar(unit: FreeUnit | BusyUnit, case: Waiting) -> tuple[Bar, str] | None:
    """What rules the unit out for the emergency, and that in words; None where nothing does."""
    missing = [need for need in case.needs if not provides(unit.skills, (need,))]
    if missing:
        return "no_skills", f"cannot provide {', '.join(missing)}"
    if case.vehicles and unit.vehicle not in case.vehicles:
        return "wrong_vehicle", f"is not {' or '.join(case.vehicles)}"
    if unit.unit in case.refused_by:
        return "refused", "has refused it"
    return None


def qualified(reason: str, case: Waiting, nearer: Collection[str]) -> str:
    """`reason`, and where it is that a unit is the closest: of which units it is that.

    `nearer`: what ruled out the free units that are nearer (bars; anything else is ignored).
    """
    if reason != CLOSEST:
        return reason
    words = {
        "no_skills": f"can provide {', '.join(case.needs)}",
        "wrong_vehicle": f"is {' or '.join(case.vehicles)}",
        "refused": "has not refused it",
    }
    said = [words[verdict] for verdict in words if verdict in nearer]
    return f"{reason} that {' and '.join(said)}" if said else reason
