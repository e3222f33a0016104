"""Why a policy sends whom it sends, for the people at the dispatch desk.

Nothing is decided here: the policy is asked for its plan of the whole situation, and each unit is
set against what the plan says of one emergency.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from actors.domain.choice import Bar
from actors.domain.dispatch.situation import (
    BusyUnit,
    FreeUnit,
    Hold,
    Plan,
    Policy,
    Preemption,
    Proposal,
    Situation,
    Waiting,
)
from actors.domain.dispatch.suitability import bar, qualified
from actors.domain.dispatch.weights import urgency
from actors.domain.travel import TravelEstimate

Outcome = Literal["send", "preempt", "hold", "wait", "refused"]
# kept_back: free, and no farther than the chosen one, but worth more elsewhere. taken: proposed to
# another emergency in the same plan. busy_more_urgent, busy_as_urgent: with one of a higher, of the
# same priority, as raised by its age.
Verdict = Literal[
    "chosen",
    "farther",
    "kept_back",
    "taken",
    "busy",
    "busy_more_urgent",
    "busy_as_urgent",
    "refused",
    "no_skills",
    "wrong_vehicle",
]
_CANNOT: frozenset[Verdict] = frozenset(get_args(Bar))


class Candidate(Struct, frozen=True, kw_only=True):
    """One unit. `eta_s`: its way, seconds, once it is free, which it expects in `free_in_s`."""

    unit: str
    eta_s: float
    free_in_s: float
    verdict: Verdict
    why: str


class Explanation(Struct, frozen=True, kw_only=True):
    """What the policy does about one emergency, and every unit, who could be there soonest first.

    `chosen`: the unit asked, taken from another, or waited for.
    """

    emergency: str
    decision: Outcome
    chosen: str | None
    reason: str
    candidates: tuple[Candidate, ...]


def explain(
    situation: Situation, emergency: str, travel: TravelEstimate, policy: Policy
) -> Explanation:
    """Raises KeyError where that emergency is not waiting. As pure as the policy."""
    case = next((case for case in situation.waiting if case.emergency == emergency), None)
    if case is None:
        raise KeyError(emergency)
    plan = policy.plan(situation, travel)
    decision, chosen, reason = _decided(plan, case)
    asking = _Asking(situation, case, travel, plan, decision, chosen)
    candidates = [asking.free(unit) for unit in situation.free]
    candidates += [asking.busy(unit) for unit in situation.busy]
    if decision == "send":
        at_s = min((c.eta_s for c in candidates if c.unit == chosen), default=0.0)
        nearer = {c.verdict for c in candidates if c.free_in_s == 0.0 and c.eta_s < at_s}
        reason = qualified(reason, case, nearer)
    candidates.sort(key=lambda c: (c.verdict in _CANNOT, c.free_in_s + c.eta_s, c.unit))
    return Explanation(
        emergency=emergency,
        decision=decision,
        chosen=chosen,
        reason=reason,
        candidates=tuple(candidates),
    )


def _decided(plan: Plan, case: Waiting) -> tuple[Outcome, str | None, str]:
    parts: tuple[Proposal | Preemption | Hold, ...] = (
        *plan.proposals,
        *plan.preemptions,
        *plan.holds,
    )
    for part in parts:
        if part.emergency != case.emergency:
            continue
        match part:
            case Proposal():
                return "send", part.unit, part.reason
            case Preemption():
                return "preempt", part.unit, part.reason
            case Hold():
                return "hold", part.unit, part.reason
    if case.emergency in plan.refused:
        return "refused", None, "every free unit that suits has refused"
    return "wait", None, "no unit that suits is free for it"


class _Asking:
    """What is to be said of each unit."""

    def __init__(
        self,
        situation: Situation,
        case: Waiting,
        travel: TravelEstimate,
        plan: Plan,
        decision: Outcome,
        chosen: str | None,
    ) -> None:
        self._decision = decision
        self._now = situation.now
        self._case = case
        self._travel = travel
        self._chosen = chosen
        self._taken = {proposal.unit: proposal.emergency for proposal in plan.proposals}
        # Where it is waited for, its way begins elsewhere and later: no free one is "farther" then.
        units: list[FreeUnit | BusyUnit] = [*situation.free, *situation.busy]
        self._chosen_in_s = min(
            (self._eta(unit) for unit in units if unit.unit == chosen and decision != "hold"),
            default=None,
        )

    def free(self, unit: FreeUnit) -> Candidate:
        """Of a unit that could go at once."""
        verdict, why = bar(unit, self._case) or self._passed_over(unit)
        return Candidate(
            unit=unit.unit, eta_s=self._eta(unit), free_in_s=0.0, verdict=verdict, why=why
        )

    def busy(self, unit: BusyUnit) -> Candidate:
        """Of one on a task: its way begins where it will be free, or, if it is taken, here."""
        free_in_s = max(0.0, unit.free_at - self._now)
        verdict, why = bar(unit, self._case) or self._occupied(unit, free_in_s)
        taken = verdict == "chosen" and self._decision == "preempt"
        origin = unit.location if taken else unit.free_where
        return Candidate(
            unit=unit.unit,
            eta_s=self._travel.seconds(origin, self._case.location, self._now),
            free_in_s=0.0 if taken else free_in_s,
            verdict=verdict,
            why=why,
        )

    def _eta(self, unit: FreeUnit | BusyUnit) -> float:
        return self._travel.seconds(unit.location, self._case.location, self._now)

    def _passed_over(self, unit: FreeUnit) -> tuple[Verdict, str]:
        if unit.unit == self._chosen:
            return "chosen", "may be sent next" if self._decision == "hold" else "is sent"
        if unit.unit in self._taken:
            return "taken", f"goes to {self._taken[unit.unit]}"
        if self._decision == "hold":
            return "kept_back", f"would be there in {self._eta(unit):.0f} s, later than that"
        if self._chosen_in_s is None:
            return "kept_back", "others come first"
        later_s = self._eta(unit) - self._chosen_in_s
        if later_s >= 0.0:
            return "farther", f"{later_s:.0f} s farther"
        return "kept_back", f"{-later_s:.0f} s nearer, but better left where it is"

    def _occupied(self, unit: BusyUnit, free_in_s: float) -> tuple[Verdict, str]:
        if unit.unit == self._chosen:
            verb = "is taken from" if self._decision == "preempt" else "is waited for: busy with"
            return "chosen", f"{verb} {unit.emergency}"
        class_ = urgency(unit, self._now)
        raised = "" if class_ == unit.priority else f" that counts as {class_} by its age"
        where = f"priority {unit.priority}{raised}, {unit.step}"
        why = f"busy with {where}, for about {free_in_s:.0f} s"
        if class_ < self._case.priority:
            return "busy_more_urgent", why
        return "busy_as_urgent" if class_ == self._case.priority else "busy", why
