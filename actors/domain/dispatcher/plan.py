"""From a plan to what is done: offers, diversions, moves, and what the ops desk is told.

First whoever was ordered by a human is sent, then the policy is asked about the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from actors.domain.dispatch import Plan, Policy
from actors.domain.dispatcher.apply import apply
from actors.domain.dispatcher.being_left import being_left
from actors.domain.dispatcher.case import Case, Wish
from actors.domain.dispatcher.draft import Draft
from actors.domain.dispatcher.events import (
    CrewDone,
    CrewLost,
    Events,
    OfferClosed,
    StationsUpdated,
    UnitLeft,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.dispatcher.positions import POSITIONS, newest
from actors.domain.dispatcher.queue import shown_waiting
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.situation import Showing
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Context, Event, Send
from actors.domain.task import ON_THE_WAY
from actors.domain.travel import TravelEstimate

# After these the units that stand idle are others, or elsewhere.
STANDING: Final[frozenset[type[Event]]] = frozenset(
    {
        UnitUpdated,
        UnitLeft,
        OfferClosed,
        CrewLost,
        CrewDone,
        UnitTakenOver,
        StationsUpdated,
    }
)
_NOTHING: Final = Plan()


class Planning:
    """Bound to a policy, a travel estimate and an operator's rules."""

    def __init__(self, policy: Policy, travel: TravelEstimate, rules: DispatchRules) -> None:
        self._policy = policy
        self._travel = travel
        self._rules = rules
        self.showing = Showing(travel, rules)

    def planned(
        self, state: Dispatcher, ctx: Context, *, restand: bool, limit: int | None = None
    ) -> tuple[Events, tuple[Send, ...]]:
        """What follows for who waits and, with `restand`, for who stands idle.

        `limit`: as PlanNow says.
        """
        queue = self.showing.queue(state)
        moving = restand and "stations" in self._policy.wants
        if not queue.shown and not queue.wished and not moving:
            return (), ()
        draft = Draft(self._policy, self._travel, self._rules, ctx)
        if queue.wished:
            state = self._ordered(state, queue.wished, draft)
            queue = self.showing.queue(state)
        free = self.showing.free(state, ctx.telemetry)
        if not free and "busy" not in self._policy.wants:
            draft.unserved(state, queue.untold, _NOTHING)  # nobody to propose: nothing to ask
            return tuple(draft.events), tuple(draft.sends)
        left = being_left(state, self.showing.diverting(state) if state.reserved else ())
        situation = self.showing.situation(
            state,
            queue.shown + tuple(map(shown_waiting, left.cases)),
            self._policy,
            ctx.now,
            ctx.telemetry,
            free=free,
        )
        plan = _NOTHING
        if situation.free or (situation.busy and queue.shown):
            plan = left.without(self._policy.plan(situation, self._travel))
        if limit is not None and len(plan.proposals) > limit:
            draft.follow(state, Plan(plan.proposals[:limit]), situation)
            return tuple(draft.events), tuple(draft.sends)
        draft.follow(state, plan, situation)
        draft.unserved(state, queue.untold, plan)
        return tuple(draft.events), tuple(draft.sends)

    def _ordered(self, state: Dispatcher, wanted: Sequence[Case], draft: Draft) -> Dispatcher:
        """Whom a human has chosen, or a lapse where that one cannot go any more."""
        for case in sorted(wanted, key=lambda c: c.rank):
            assert case.wish is not None
            said = len(draft.events)
            if case.wish.unit in state.reserved and not case.wish.divert:
                draft.lapsed(case, case.wish, "it is asked for another emergency")
            else:
                self._order(state, case, case.wish, draft)
            for event in draft.events[said:]:
                state = apply(state, event)
        return state

    def _order(self, state: Dispatcher, case: Case, wish: Wish, draft: Draft) -> None:
        telemetry = draft.ctx.telemetry
        free = self.showing.free(state, telemetry)
        unit = next((unit for unit in free if unit.unit == wish.unit), None)
        target = case.card.staging or case.card.location
        now = draft.ctx.now
        words = wish.reason or "ordered with the further units"
        if unit is not None:
            eta_s = self._travel.seconds(unit.location, target, now)
            choice = draft.choice(unit.unit, eta_s, words, wish.by)
            draft.offer(state, case, choice)
            return
        held_by = leaving(state, wish.unit) if wish.divert else None
        status = state.units.get(wish.unit)
        if held_by is None or status is None or status.position is None or held_by.key == case.key:
            draft.lapsed(case, wish, "it is not free any more")
            return
        seen = telemetry.get(POSITIONS, {}).get(wish.unit)
        eta_s = self._travel.seconds(newest(status.position, seen), target, now)
        choice = draft.choice(wish.unit, eta_s, words, wish.by, held_by)
        draft.divert(state, case, held_by, choice)


def restands(events: Iterable[Event]) -> bool:
    """Whether any of these changes who stands idle where."""
    return not STANDING.isdisjoint(map(type, events))


def leaving(state: Dispatcher, unit: str) -> Case | None:
    """The case that the unit would leave, if it can: it is asked for it, or on its way to it."""
    asked = state.reserved.get(unit)
    for case in state.cases.values():
        if case.unit != unit or case.firm or (asked is not None and case.task != asked):
            continue
        if case.phase == "offered":
            return None if case.diverts is not None else case
        if case.phase == "engaged" and (case.status == "raised" or case.status == "ordered"):
            return case
        if case.phase == "engaged" and case.status in ("assigned", *ON_THE_WAY):
            return case
    return None
