"""What is noted with a choice: who else was free, how far off, and who was nearer and why not."""

from __future__ import annotations

import numpy as np

from actors.domain.choice import RuledOut, RunnerUp
from actors.domain.dispatch import FreeUnit, Proposal, Situation, Waiting
from actors.domain.dispatch.fleet import Mask, fleet
from actors.domain.dispatch.suitability import bar
from actors.domain.places import Array, point_of
from actors.domain.travel import TravelEstimate

# Straight lines say who may be near for a fraction of the price of a travel time; so many of them
# for each one that is wanted are looked at closely.
_LOOKED_AT = 3


def passed_over(
    situation: Situation, wanted: Waiting, sent: Proposal, travel: TravelEstimate, count: int
) -> tuple[tuple[RunnerUp, ...], tuple[RuledOut, ...]]:
    """Of the other free units, at most `count` each, soonest first: those that suit and are
    willing; and those that do not or are not, and would be there before the one that is sent."""
    target, free = wanted.location, fleet(situation.free)
    able = free.suiting(wanted).copy()
    for refuser in wanted.refused_by:
        if refuser in free.at:
            able[free.at[refuser]] = False
    barred = ~able
    if sent.unit in free.at:
        able[free.at[sent.unit]] = barred[free.at[sent.unit]] = False
    dots = np.array(point_of(target)) @ free.points

    def soonest(mask: Mask) -> list[tuple[float, str, FreeUnit]]:
        near = (situation.free[row] for row in _nearest(dots, mask, count * _LOOKED_AT))
        return sorted(
            (travel.seconds(unit.location, target, situation.now), unit.unit, unit) for unit in near
        )

    ruled_out: list[RuledOut] = []
    if barred.any():
        for unit_s, id_, unit in soonest(barred):
            found = bar(unit, wanted)
            if found is not None and unit_s < sent.eta_s and len(ruled_out) < count:
                ruled_out.append(RuledOut(id_, unit_s, *found))
    runners_up = tuple(RunnerUp(id_, unit_s) for unit_s, id_, _ in soonest(able)[:count])
    return runners_up, tuple(ruled_out)


def _nearest(dots: Array, mask: Mask, most: int) -> list[int]:
    """The rows of the mask, and where they are many, those of the `most` nearest; ties too."""
    rows = mask.nonzero()[0]
    if len(rows) > most:
        among = dots[rows]
        rows = rows[among >= np.partition(among, -most)[-most]]
    found: list[int] = rows.tolist()
    return found
