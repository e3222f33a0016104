"""One emergency after the other, each gets the unit that is there soonest of those left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.domain.dispatch.backlog import Backlog
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


def in_reach(cases: Backlog, pool: Nearest) -> Iterator[Waiting]:
    """By rank, those whom a unit suits that is left at that moment; the end when nobody is one."""
    left = len(pool)
    kinds = {kind: case for kind, case in cases.kinds.items() if pool.any_suits(case)}
    for case in cases.by_rank(kinds):
        if len(pool) != left:
            left = len(pool)
            kinds = {kind: some for kind, some in kinds.items() if pool.any_suits(some)}
            if not kinds:
                return
        if (case.needs, case.vehicles) in kinds:
            yield case
