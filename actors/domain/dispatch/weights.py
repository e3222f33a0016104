"""What a second of a patient's waiting weighs, by priority, and how waiting raises an emergency."""

from __future__ import annotations

from actors.domain.dispatch.situation import BusyUnit, Waiting

# A class is twice as urgent as the next: the ratio at which one immediate call outweighs one of
# each other class together, and no number of seconds is bought at any price. "Priority-weighted
# response" means these wherever policies are compared.
WEIGHT = {1: 8.0, 2: 4.0, 3: 2.0, 4: 1.0}

# A quarter of an hour without a unit raises an emergency one class, so that a stream of more urgent
# calls starves nobody; never into class 1, which is for those who would die of a shared queue.
# Measured on San Francisco's calls with too few units, `combined`: against half an hour it costs
# 2 % of the weighted response, and the last class's 95th percentile falls by a third, to within
# four minutes of closest_idle's.
PROMOTED_AFTER_S = 900.0
_HIGHEST_BY_AGE = 2


def weight(priority: int) -> float:
    """Of one second of response. Classes beyond the last weigh as the last."""
    return WEIGHT.get(priority, 1.0)


def urgency(case: Waiting | BusyUnit, now: float) -> int:
    """Its class at `now`: its priority, less one for each quarter of an hour that it has waited.

    That of a busy unit is the class of the emergency that it is busy with.
    """
    if case.priority <= _HIGHEST_BY_AGE:
        return case.priority
    raised = int(max(0.0, now - case.raised_at) // PROMOTED_AFTER_S)
    return max(_HIGHEST_BY_AGE, case.priority - raised)
