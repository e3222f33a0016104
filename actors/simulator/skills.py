"""Skills in a scenario: words, each of which stands for itself alone.

Live, some skills stand for others too (an advanced crew does all that a basic one does). A scenario
says what each unit can do in its own words, so a call's needs must all be among its unit's. Words
that the domain knows are handed to it as others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

_OF_A_SCENARIO: Final = "scenario_"


def able(skills: Collection[str], needs: Iterable[str]) -> bool:
    """Whether a unit has all the skills that a call needs."""
    return all(need in skills for need in needs)


def opaque(words: Iterable[str]) -> tuple[str, ...]:
    """The same words, as the domain is told them."""
    return tuple([_OF_A_SCENARIO + word for word in words])
