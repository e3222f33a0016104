"""From a plan to what is done: offers, diversions, moves, and what the ops desk is told.

First whoever was ordered by a human is sent, then the policy is asked about the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.dispatch import Plan, Policy, Situation, provides
from actors.domain.dispatcher import Dispatcher, apply
from actors.domain.dispatcher_case import Case, DispatchRules, Wish
from actors.domain.dispatcher_choice import runners_up
from actors.domain.dispatcher_events import (
    AllRefused,
    CrewDone,
    CrewLost,
    DispatcherEvent,
    EmergencyDeferred,
    NoUnitFree,
    OfferClosed,
    OfferMade,
    OverrideLapsed,
    StationsUpdated,
    UnitLeft,
    UnitPosted,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.dispatcher_intake import offer_of
from actors.domain.dispatcher_situation import POSITIONS, Showing, newest
from actors.domain.ids import derive_id
from actors.domain.kernel import Command, Context, EntityRef, Send
from actors.domain.messages import DivertUnit, MoveToStation, OfferTask
from actors.domain.paramedic import ON_DUTY
from actors.domain.task import ON_THE_WAY, Task
from actors.domain.travel import TravelEstimate

Events = tuple[DispatcherEvent, ...]

# After these the units that stand idle are others, or elsewhere.
_STANDING: Final = (
    UnitUpdated,
    UnitLeft,
    OfferClosed,
    CrewLost,
    CrewDone,
    UnitTakenOver,
    StationsUpdated,
)
_WORDS: Final = 200
_NOTHING: Final = Plan()


class Planning:
    """Bound to a policy, a travel estimate and an operator's rules."""

    def __init__(self, policy: Policy, travel: TravelEstimate, rules: DispatchRules) -> None:
        self._policy = policy
        self._travel = travel
        self._rules = rules
        self.showing = Showing(rules)

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
        draft = _Draft(self._policy, self._travel, self._rules, ctx)
        if queue.wished:
            state = self._ordered(state, queue.wished, draft)
            queue = self.showing.queue(state)
        free = self.showing.free(state, ctx.telemetry)
        if not free and "busy" not in self._policy.wants:
            draft.unserved(state, queue.untold, _NOTHING)  # nobody to propose: nothing to ask
            return tuple(draft.events), tuple(draft.sends)
        situation = self.showing.situation(
            state, queue.shown, self._policy, ctx.now, ctx.telemetry, free=free
        )
        plan = _NOTHING
        if situation.free or (situation.busy and queue.shown):
            plan = self._policy.plan(situation, self._travel)
        if limit is not None and len(plan.proposals) > limit:
            draft.follow(state, Plan(plan.proposals[:limit]), situation)
            return tuple(draft.events), tuple(draft.sends)
        draft.follow(state, plan, situation)
        draft.unserved(state, queue.untold, plan)
        return tuple(draft.events), tuple(draft.sends)

    def _ordered(self, state: Dispatcher, wanted: list[Case], draft: _Draft) -> Dispatcher:
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

    def _order(self, state: Dispatcher, case: Case, wish: Wish, draft: _Draft) -> None:
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


def restands(events: Iterable[DispatcherEvent]) -> bool:
    """Whether any of these changes who stands idle where."""
    return any(isinstance(event, _STANDING) for event in events)


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


class _Draft:
    """What one decision comes to, event by event."""

    def __init__(
        self, policy: Policy, travel: TravelEstimate, rules: DispatchRules, ctx: Context
    ) -> None:
        self._policy = policy
        self._travel = travel
        self._rules = rules
        self.ctx = ctx
        self.events: list[DispatcherEvent] = []
        self.sends: list[Send] = []

    def choice(
        self,
        unit: str,
        eta_s: float,
        words: str,
        by: str | None = None,
        left: Case | None = None,
    ) -> Choice:
        return Choice(
            unit=unit,
            at=self.ctx.now,
            policy=self._policy.name,
            eta_s=eta_s,
            reason=words[:_WORDS],
            by=by,
            diverted_from=None if left is None else left.card.emergency,
        )

    def follow(self, state: Dispatcher, plan: Plan, situation: Situation) -> None:
        """Do what the policy proposes."""
        asked = {proposal.unit for proposal in plan.proposals}
        for proposal in plan.proposals:
            case = state.cases[proposal.emergency]
            choice = self.choice(proposal.unit, proposal.eta_s, proposal.reason)
            if self._rules.runners_up:
                choice = replace(
                    choice,
                    waiting=len(situation.waiting),
                    free=len(situation.free),
                    runners_up=runners_up(
                        situation, case, choice.unit, self._travel, self._rules.runners_up
                    ),
                )
            self.offer(state, case, choice)
        for taking in plan.preemptions:
            left = state.cases[taking.from_emergency]
            choice = self.choice(taking.unit, taking.eta_s, taking.reason, left=left)
            self.divert(state, state.cases[taking.emergency], left, choice)
        self._move(state, plan, asked, situation)
        for hold in plan.holds:
            case = state.cases[hold.emergency]
            # Said once: the same hold again, a moment later, is no news.
            if case.deferred_until is None:
                self.events.append(
                    EmergencyDeferred(
                        at=self.ctx.now,
                        emergency=case.card.emergency,
                        slot=case.slot,
                        unit=hold.unit,
                        until=max(hold.until, self.ctx.now + 1.0),
                        reason=hold.reason[:_WORDS],
                    )
                )

    def _move(self, state: Dispatcher, plan: Plan, asked: set[str], situation: Situation) -> None:
        if not plan.moves:
            return
        now = self.ctx.now
        stations = {station.id: station for station in state.stations}
        standing = {unit.unit: unit.location for unit in situation.free}
        moving = sum(p.station is not None and p.until > now for p in state.posts.values())
        for move in plan.moves:
            post = state.posts.get(move.unit)
            rested = post is None or now - post.at >= self._rules.move_rest_s
            station = stations.get(move.station)
            if station is None or move.unit in asked or not rested:
                continue
            if moving >= self._rules.moves_at_once:
                break
            moving += 1
            words = move.reason[:_WORDS]
            way_s = self._travel.seconds(standing[move.unit], station.location, now)
            self.events.append(
                UnitPosted(
                    at=now,
                    unit=move.unit,
                    station=move.station,
                    arrives_at=now + way_s,
                    reason=words,
                )
            )
            order = MoveToStation(station=station, ordered_at=now, reason=words or "cover")
            self._send(move.unit, order)

    def offer(self, state: Dispatcher, case: Case, choice: Choice) -> None:
        """Ask a free unit."""
        task = self._made(state, case, choice, None)
        self._send(choice.unit, OfferTask(task=task))

    def divert(self, state: Dispatcher, case: Case, left: Case, choice: Choice) -> None:
        """Ask for a unit that is to leave another case; where it cannot, nothing changes there."""
        assert left.task is not None, "a case that is left has a unit"
        task = self._made(state, case, choice, left)
        reason = choice.reason or "needed for a more urgent emergency"
        order = DivertUnit(
            from_task=left.task, task=task, reason=reason, from_offer=offer_of(left, state.id)
        )
        self._send(choice.unit, order)

    def _made(self, state: Dispatcher, case: Case, choice: Choice, left: Case | None) -> Task:
        noted = choice if self._rules.runners_up or choice.by or left is not None else None
        task = self._task(state, case, choice, noted)
        self.events.append(
            OfferMade(
                at=self.ctx.now,
                task=task.id,
                emergency=task.emergency,
                unit=choice.unit,
                attempt=task.attempt,
                expires_at=task.expires_at,
                eta_s=task.eta_s,
                slot=case.slot,
                choice=noted,
                diverts=None if left is None else left.key,
            )
        )
        return task

    def lapsed(self, case: Case, wish: Wish, words: str) -> None:
        self.events.append(
            OverrideLapsed(
                at=self.ctx.now,
                emergency=case.card.emergency,
                slot=case.slot,
                unit=wish.unit,
                reason=words,
            )
        )

    def unserved(self, state: Dispatcher, untold: list[Case], plan: Plan) -> None:
        """Who still waits, and why: for the ops desk. `untold`: those it does not know of."""
        cases = untold
        if plan.refused:
            cases = [*untold, *(state.cases[key] for key in plan.refused)]
        if not cases:
            return
        if len(cases) > 1:  # each once, in an order of their own
            keys = {case.key for case in cases}
            cases = [case for key, case in state.cases.items() if key in keys]
        served = {proposal.emergency for proposal in plan.proposals}
        served.update(taking.emergency for taking in plan.preemptions)
        served.update(hold.emergency for hold in plan.holds)
        now, rules = self.ctx.now, self._rules
        call_at = None if rules.escalate_s is None else now + rules.escalate_s
        for case in cases:
            emergency = case.card.emergency
            if case.key in served:
                continue
            if case.key in plan.refused:
                if case.retry_at is None:
                    self.events.append(
                        AllRefused(
                            at=now,
                            emergency=emergency,
                            retry_at=now + rules.retry_s,
                            slot=case.slot,
                            escalate_at=call_at,
                        )
                    )
            elif not case.starved:
                self.events.append(_starved(state, case, now, call_at))

    def _send(self, unit: str, command: Command) -> None:
        self.sends.append(Send(EntityRef("paramedic", unit), command))

    def _task(self, state: Dispatcher, case: Case, choice: Choice, noted: Choice | None) -> Task:
        card, now = case.card, self.ctx.now
        return Task(
            id=derive_id(now, self.ctx.id, f"offer:{case.key}"),
            emergency=card.emergency,
            region=state.id,
            attempt=case.attempt + 1,
            revision=card.revision,
            patient_id=card.patient_id,
            priority=card.priority,
            location=card.location,
            address=card.address,
            symptoms=card.symptoms,
            needs=card.needs,
            raised_at=card.raised_at,
            offered_at=now,
            expires_at=now + self._rules.offer_ttl_s,
            eta_s=choice.eta_s,
            slot=case.slot,
            staging=card.staging,
            staging_revision=card.revision,
            choice=noted,
        )


def _starved(state: Dispatcher, case: Case, now: float, call_at: float | None) -> NoUnitFree:
    on_duty = [unit for unit in state.units.values() if unit.status in ON_DUTY]
    card = case.card
    able = any(
        provides(unit.skills, card.needs) and (not card.vehicles or unit.vehicle in card.vehicles)
        for unit in on_duty
    )
    return NoUnitFree(
        at=now,
        emergency=card.emergency,
        reason="all_busy" if able else "none_with_skills" if on_duty else "none_on_duty",
        slot=case.slot,
        escalate_at=call_at,
    )
