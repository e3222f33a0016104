"""What is noted with a choice: who else was free, and how far off."""

from __future__ import annotations

import numpy as np

from actors.domain.choice import RunnerUp
from actors.domain.dispatch import Situation
from actors.domain.dispatch.fleet import fleet, points_of
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.queue import shown_waiting
from actors.domain.travel import TravelEstimate

# Straight lines say who may be near for a fraction of the price of a travel time; so many of them
# for each one that is wanted are looked at closely.
_LOOKED_AT = 3


def runners_up(
    situation: Situation, case: Case, chosen: str, travel: TravelEstimate, count: int
) -> tuple[RunnerUp, ...]:
    """The other free units that suit and would be there soonest, at most `count`."""
    wanted = shown_waiting(case)
    target, free = wanted.location, fleet(situation.free)
    able = free.suiting(wanted).copy()
    if chosen in free.at:
        able[free.at[chosen]] = False
    dots = points_of([target])[:, 0] @ free.points
    dots[~able] = -np.inf
    looked_at = count * _LOOKED_AT
    if len(dots) > looked_at:
        able &= dots >= np.partition(dots, -looked_at)[-looked_at]
    near = [free.units[row] for row in able.nonzero()[0].tolist()]
    timed = sorted(
        (travel.seconds(unit.location, target, situation.now), unit.unit) for unit in near
    )
    return tuple(RunnerUp(unit, eta_s) for eta_s, unit in timed[:count])
