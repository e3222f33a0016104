"""One emergency after the other, each gets the unit that is there soonest of those left."""

from __future__ import annotations

from collections.abc import Iterable

from actors.domain.dispatch.nearest import Nearest
from actors.domain.dispatch.situation import Proposal, Waiting


def in_order(
    cases: Iterable[Waiting], pool: Nearest, *, head_blocks: bool = False
) -> tuple[list[Proposal], list[str]]:
    """What to propose, and who was refused by every unit left that suits; takes from the pool.

    `head_blocks`: whoever no unit suits that is left holds up all behind it (one queue for all);
    otherwise those behind it are served.
    """
    proposals: list[Proposal] = []
    refused: list[str] = []
    for case in cases:
        if not len(pool):
            break
        best = pool.soonest(case)
        if best is not None:
            eta_s, unit = best
            proposals.append(Proposal(case.emergency, unit, eta_s))
            pool.take(unit)
        elif case.refused_by and pool.any_suits(case):
            refused.append(case.emergency)
        elif head_blocks:
            break
    return proposals, refused
