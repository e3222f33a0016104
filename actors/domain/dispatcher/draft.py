"""What one decision of a dispatcher comes to: offers, diversions, moves, and what ops is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.dispatch import Plan, Policy, Situation, provides
from actors.domain.dispatch.suitability import qualified
from actors.domain.dispatcher.case import Case, Wish, offer_of
from actors.domain.dispatcher.choice import passed_over
from actors.domain.dispatcher.events import (
    AllRefused,
    DispatcherEvent,
    EmergencyDeferred,
    NoUnitFree,
    OfferMade,
    OverrideLapsed,
    UnitPosted,
)
from actors.domain.dispatcher.queue import shown_waiting
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.ids import derive_id
from actors.domain.kernel import Command, Context, EntityRef, Send
from actors.domain.messages.to_paramedic import DivertUnit, MoveToStation, OfferTask
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.task import Task
from actors.domain.travel import TravelEstimate

_WORDS: Final = 200


class Draft:
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
        for proposal in plan.proposals:
            case = state.cases[proposal.emergency]
            choice = self.choice(proposal.unit, proposal.eta_s, proposal.reason)
            if self._rules.runners_up:
                wanted = shown_waiting(case)
                runners_up, ruled_out = passed_over(
                    situation,
                    wanted,
                    proposal,
                    self._travel,
                    self._rules.runners_up,
                )
                nearer = {unit.verdict for unit in ruled_out}
                choice = replace(
                    choice,
                    reason=qualified(choice.reason, wanted, nearer)[:_WORDS],
                    waiting=len(situation.waiting),
                    free=len(situation.free),
                    runners_up=runners_up,
                    ruled_out=ruled_out,
                )
            self.offer(state, case, choice)
        for taking in plan.preemptions:
            left = state.cases[taking.from_emergency]
            choice = self.choice(taking.unit, taking.eta_s, taking.reason, left=left)
            self.divert(state, state.cases[taking.emergency], left, choice)
        if plan.moves:
            self._move(state, plan, situation)
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

    def _move(self, state: Dispatcher, plan: Plan, situation: Situation) -> None:
        now = self.ctx.now
        asked = {proposal.unit for proposal in plan.proposals}
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

    def unserved(self, state: Dispatcher, untold: Sequence[Case], plan: Plan) -> None:
        """Who still waits, and why: for the ops desk. `untold`: those it does not know of."""
        cases = untold
        if plan.refused:
            cases = [*untold, *(state.cases[key] for key in plan.refused)]
        if not cases:
            return
        if len(cases) > 1:  # each once, in an order of their own
            keys = {case.key for case in cases}
            cases = [state.cases[key] for key in filter(keys.__contains__, state.cases)]
        served = {proposal.emergency for proposal in plan.proposals}
        served.update([taking.emergency for taking in plan.preemptions])
        served.update([hold.emergency for hold in plan.holds])
        now, rules = self.ctx.now, self._rules
        call_at = None if rules.escalate_s is None else now + rules.escalate_s
        for case in cases:
            emergency, key = case.card.emergency, case.key
            if key in served:
                continue
            if key in plan.refused:
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
        # In two: a call with more than 15 keywords makes a dict of them first.
        task = Task(
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
        )
        return replace(
            task,
            slot=case.slot,
            staging=card.staging,
            staging_revision=card.revision,
            choice=noted,
        )


def _starved(state: Dispatcher, case: Case, now: float, call_at: float | None) -> NoUnitFree:
    card, units = case.card, state.units.values()
    able = any(
        unit.status in ON_DUTY
        and provides(unit.skills, card.needs)
        and (not card.vehicles or unit.vehicle in card.vehicles)
        for unit in units
    )
    on_duty = able or any(unit.status in ON_DUTY for unit in units)
    return NoUnitFree(
        at=now,
        emergency=card.emergency,
        reason="all_busy" if able else "none_with_skills" if on_duty else "none_on_duty",
        slot=case.slot,
        escalate_at=call_at,
    )
