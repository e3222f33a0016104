"""Emergencies whose unit is asked to leave them for a more urgent one, and has not answered yet.

They are about to wait, at the head of their class, so the policy is shown them as if they did:
what they will be served with is not given to somebody behind them meanwhile. Nobody is asked for
them before the unit has answered; should it stay, who was kept for them is free for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from actors.domain.dispatch import Plan
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.state import Dispatcher


@dataclass(frozen=True, slots=True)
class BeingLeft:
    """`cases`: each as it will wait."""

    cases: tuple[Case, ...]

    def without(self, plan: Plan) -> Plan:
        """The plan for the others."""
        if not self.cases:
            return plan
        keys = {case.key for case in self.cases}
        return replace(
            plan,
            proposals=tuple(one for one in plan.proposals if one.emergency not in keys),
            refused=tuple(key for key in plan.refused if key not in keys),
            preemptions=tuple(one for one in plan.preemptions if one.emergency not in keys),
            holds=tuple(one for one in plan.holds if one.emergency not in keys),
        )


_NOBODY = BeingLeft(())


def being_left(state: Dispatcher, diverting: Sequence[Case]) -> BeingLeft:
    """Those of a region. `diverting`: the cases that ask a unit to leave another."""
    if not diverting:
        return _NOBODY
    found = [left for case in diverting if (left := _left(state, case)) is not None]
    return BeingLeft(tuple(found))


def _left(state: Dispatcher, case: Case) -> Case | None:
    """What `case` is to get the unit of."""
    left = None if case.diverts is None else state.cases.get(case.diverts)
    if left is None or left.unit != case.unit or left.card.held:
        return None
    return replace(left, phase="waiting", preempted=left.preempted + 1)
