"""Why a unit was chosen, in a few numbers: kept with its offer and, once accepted, its emergency.

No health data and no places: only units, seconds and the name of what decided.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.domain.values import Id, Seconds

# A few words, made by a policy or cut from what a dispatcher gave as the reason.
Words = Annotated[str, Meta(max_length=200)]


Bar = Literal["no_skills", "wrong_vehicle", "refused"]
"""What rules a unit out for an emergency, whoever else there is."""


class RunnerUp(Struct, frozen=True):
    """Another unit that was free and suited, and how long it would have taken."""

    unit: Id
    eta_s: Seconds


class RuledOut(Struct, frozen=True):
    """A free unit that would have been there sooner than the chosen one, and why it was not asked.

    `why`: in words, of skills and vehicles only.
    """

    unit: Id
    eta_s: Seconds
    verdict: Bar
    why: Words


class Choice(Struct, frozen=True, kw_only=True, gc=False):
    """`policy`: what decided; `by`: the dispatcher who ordered it instead, if one did.

    `reason`: why. `waiting`, `free`: emergencies that waited and units that were free just then.
    `diverted_from`: the emergency that the unit was taken from.
    """

    unit: Id
    at: Seconds
    policy: str
    eta_s: Seconds
    reason: Words = ""
    by: Id | None = None
    runners_up: tuple[RunnerUp, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    waiting: int = 0
    free: int = 0
    diverted_from: Id | None = None
