"""What a dispatcher decides. Its words, table and who may send what: dispatcher.py.

Each command is first taken in (what the sender says is so), then the policy is asked who is to be
sent where as things stand now. Both are events of the same commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.domain import projections
from actors.domain.access import require
from actors.domain.dispatch import (
    ByPriority,
    FreeUnit,
    Plan,
    Policy,
    Situation,
    Waiting,
    provides,
)
from actors.domain.dispatcher import (
    MACHINE,
    AllRefused,
    Case,
    CrewLost,
    Dispatcher,
    DispatcherCommand,
    DispatcherEvent,
    DispatchRules,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    NoUnitFree,
    OfferClosed,
    OfferMade,
    OpsAlerted,
    RoundRestarted,
    UnitLeft,
    UnitUpdated,
    ViewDispatcher,
    apply,
    wake_at,
)
from actors.domain.dispatcher_publish import channel, concerns, publications
from actors.domain.ids import derive_id
from actors.domain.kernel import (
    Absorbed,
    Behaviour,
    Context,
    Decision,
    EntityRef,
    Send,
    Signal,
    Wake,
    fold,
)
from actors.domain.messages import (
    EmergencyCard,
    EmergencyChanged,
    EndReason,
    Offer,
    OfferAnswered,
    OfferTask,
    RemoveEmergency,
    ReprioritizeTask,
    TaskEnded,
    UnitChanged,
    UnitPosition,
    UnitStatus,
    WithdrawTask,
)
from actors.domain.paramedic import ON_DUTY
from actors.domain.task import Task
from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Location, Position

Events = tuple[DispatcherEvent, ...]
_POSITIONS = "positions"


class _Dispatching:
    """The decisions, bound to a policy, a travel estimate and an operator's rules."""

    def __init__(self, policy: Policy, travel: TravelEstimate, rules: DispatchRules) -> None:
        self._policy = policy
        self._travel = travel
        self._rules = rules

    def decide(self, state: Dispatcher, command: DispatcherCommand, ctx: Context) -> Decision:
        """See dispatcher.py. Raises DomainError only for senders that may not ask."""
        if isinstance(command, ViewDispatcher):
            require(ctx.by, "dispatcher.view")
            return Decision(answer=projections.dispatcher_view(state))
        require(ctx.by, "dispatcher.message")
        events, sends = _taken_in(state, command, ctx)
        if not events:
            return Decision()
        taken = fold(apply, state, events)
        alerts = self._alerts(taken, events, ctx)
        planned, offers = self._planned(fold(apply, taken, alerts), ctx)
        return Decision((*events, *alerts, *planned), (*sends, *offers))

    def _alerts(self, state: Dispatcher, events: Events, ctx: Context) -> Events:
        """A human is called when `max_tries` crews did not take it, and after each as many more."""
        alerts: list[DispatcherEvent] = []
        for event in events:
            if not isinstance(event, OfferClosed):
                continue
            case = state.cases.get(event.emergency)
            if case is None or case.phase != "waiting" or event.outcome == "unavailable":
                continue
            if case.tries and case.tries % self._rules.max_tries == 0:
                alerts.append(OpsAlerted(at=ctx.now, emergency=event.emergency, tries=case.tries))
        return tuple(alerts)

    def _planned(self, state: Dispatcher, ctx: Context) -> tuple[Events, tuple[Send, ...]]:
        waiting = [case for case in state.cases.values() if case.phase == "waiting"]
        if not waiting:
            return (), ()
        units = _free_units(state, ctx.telemetry)
        plan = Plan(())
        if units:
            situation = Situation(
                now=ctx.now, waiting=tuple(map(_waiting, waiting)), free=tuple(units)
            )
            plan = self._policy.plan(situation, self._travel)
        events: list[DispatcherEvent] = []
        sends: list[Send] = []
        for proposal in plan.proposals:
            case = state.cases[proposal.emergency]
            task = self._task(state, case, proposal.eta_s, ctx)
            events.append(
                OfferMade(
                    at=ctx.now,
                    task=task.id,
                    emergency=task.emergency,
                    unit=proposal.unit,
                    attempt=task.attempt,
                    expires_at=task.expires_at,
                    eta_s=task.eta_s,
                )
            )
            sends.append(Send(EntityRef("paramedic", proposal.unit), OfferTask(task=task)))
        served = {proposal.emergency for proposal in plan.proposals}
        events += self._unserved(
            state, [case for case in waiting if case.card.emergency not in served], plan, ctx
        )
        return tuple(events), tuple(sends)

    def _unserved(self, state: Dispatcher, cases: list[Case], plan: Plan, ctx: Context) -> Events:
        events: list[DispatcherEvent] = []
        for case in cases:
            emergency = case.card.emergency
            if emergency in plan.refused:
                if case.retry_at is None:
                    retry_at = ctx.now + self._rules.retry_s
                    events.append(AllRefused(at=ctx.now, emergency=emergency, retry_at=retry_at))
            elif not case.starved:
                events.append(_starved(state, case, ctx.now))
        return tuple(events)

    def _task(self, state: Dispatcher, case: Case, eta_s: float, ctx: Context) -> Task:
        card = case.card
        return Task(
            id=derive_id(ctx.now, ctx.id, f"offer:{card.emergency}"),
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
            offered_at=ctx.now,
            expires_at=ctx.now + self._rules.offer_ttl_s,
            eta_s=eta_s,
        )


def _starved(state: Dispatcher, case: Case, now: float) -> NoUnitFree:
    on_duty = [unit for unit in state.units.values() if unit.status in ON_DUTY]
    emergency = case.card.emergency
    if not on_duty:
        return NoUnitFree(at=now, emergency=emergency, reason="none_on_duty")
    if not any(provides(unit.skills, case.card.needs) for unit in on_duty):
        return NoUnitFree(at=now, emergency=emergency, reason="none_with_skills")
    return NoUnitFree(at=now, emergency=emergency, reason="all_busy")


def _taken_in(
    state: Dispatcher, command: DispatcherCommand, ctx: Context
) -> tuple[Events, tuple[Send, ...]]:
    now = ctx.now
    match command:
        case EmergencyChanged(card=card):
            return _card(state, card, now)
        case RemoveEmergency():
            return _removal(state, command, now)
        case UnitChanged(unit=unit):
            return _unit(state, unit, now), ()
        case OfferAnswered():
            return (*_unit(state, command.unit, now), *_answer(state, command, now)), ()
        case TaskEnded():
            return (*_unit(state, command.unit, now), *_end(state, command, now)), ()
        case Wake():
            due = [
                case.card.emergency
                for case in state.cases.values()
                if case.retry_at is not None and case.retry_at <= now
            ]
            return tuple(RoundRestarted(at=now, emergency=emergency) for emergency in due), ()
        case _:
            return (), ()


def _card(state: Dispatcher, card: EmergencyCard, now: float) -> tuple[Events, tuple[Send, ...]]:
    case = state.cases.get(card.emergency)
    if case is None:
        # With a crew it was known here before: then its end came before this message.
        if card.emergency in state.ended or card.status != "raised":
            return (), ()
        return (EmergencyQueued(at=now, card=card),), ()
    if card.revision <= case.card.revision:
        return (), ()
    sends: tuple[Send, ...] = ()
    if case.unit is not None and case.task is not None and card.priority != case.card.priority:
        message = ReprioritizeTask(task=case.task, priority=card.priority, revision=card.revision)
        sends = (Send(EntityRef("paramedic", case.unit), message),)
    return (EmergencyUpdated(at=now, card=card),), sends


def _removal(
    state: Dispatcher, command: RemoveEmergency, now: float
) -> tuple[Events, tuple[Send, ...]]:
    if command.emergency in state.ended:
        return (), ()
    removed = EmergencyRemoved(at=now, emergency=command.emergency, reason=command.reason)
    case = state.cases.get(command.emergency)
    if case is None or case.unit is None or case.task is None:
        return (removed,), ()
    if command.reason == "closed":
        return (removed,), ()  # by its crew, which needs no calling back
    offer = None
    if case.expires_at is not None:
        offer = Offer(
            emergency=command.emergency,
            region=state.id,
            attempt=case.attempt,
            expires_at=case.expires_at,
        )
    withdraw = WithdrawTask(
        task=case.task, reason="emergency cancelled", emergency_over=True, offer=offer
    )
    return (removed,), (Send(EntityRef("paramedic", case.unit), withdraw),)


def _unit(state: Dispatcher, unit: UnitStatus, now: float) -> Events:
    known = state.units.get(unit.unit)
    if known is not None and unit.revision <= known.revision:
        return ()
    if unit.status != "retired" and unit.region == state.id:
        return (UnitUpdated(at=now, unit=unit),)
    return () if known is None else (UnitLeft(at=now, unit=unit.unit),)


def _answer(state: Dispatcher, answer: OfferAnswered, now: float) -> Events:
    unit = answer.unit.unit
    case = state.cases.get(answer.emergency)
    of_case = case is not None and case.task == answer.task and case.phase == "offered"
    if not of_case and state.reserved.get(unit) != answer.task:
        return ()  # a repeat, or overtaken by the end of the task
    return (
        OfferClosed(
            at=now,
            task=answer.task,
            emergency=answer.emergency,
            unit=unit,
            outcome=answer.outcome,
            reason=answer.reason,
        ),
    )


def _end(state: Dispatcher, end: TaskEnded, now: float) -> Events:
    unit = end.unit.unit
    case = state.cases.get(end.emergency)
    if case is None or case.task != end.task:
        return ()  # a repeat, or of an emergency that is over
    if MACHINE.next(case.phase, f"TaskEnded:{end.outcome}") == "removed":
        reason: EndReason = "closed" if end.outcome == "completed" else "cancelled"
        return (EmergencyRemoved(at=now, emergency=end.emergency, reason=reason),)
    return (
        CrewLost(
            at=now,
            task=end.task,
            emergency=end.emergency,
            unit=unit,
            outcome=end.outcome,
            reason=end.reason,
        ),
    )


def _waiting(case: Case) -> Waiting:
    card = case.card
    return Waiting(
        card.emergency, card.priority, card.raised_at, card.location, card.needs, case.refused_by
    )


def _free_units(state: Dispatcher, telemetry: Mapping[str, Any]) -> list[FreeUnit]:
    positions: Mapping[str, Position] = telemetry.get(_POSITIONS, {})
    return [
        FreeUnit(
            unit.unit,
            _newest(unit.position, positions.get(unit.unit)),
            unit.skills,
            unit.vehicle,
        )
        for unit in state.units.values()
        if unit.free and unit.position is not None and unit.unit not in state.reserved
    ]


def _newest(durable: Position, seen: Position | None) -> Location:
    return (durable if seen is None or durable.at >= seen.at else seen).location


def absorb(state: Dispatcher, telemetry: dict[str, Any], signal: Signal, _now: float) -> Absorbed:
    """Remember where a unit of this region is, for the next plan."""
    if not isinstance(signal, UnitPosition) or signal.unit not in state.units:
        return Absorbed()
    positions: dict[str, Position] = telemetry.setdefault(_POSITIONS, {})
    known = positions.get(signal.unit)
    if known is None or signal.at > known.at:
        positions[signal.unit] = Position(signal.lat, signal.lon, signal.at)
    return Absorbed()


def initial(region: str) -> Dispatcher:
    """Nobody waits, no unit is known."""
    return Dispatcher(id=region)


def behaviour(
    policy: Policy, travel: TravelEstimate, rules: DispatchRules
) -> Behaviour[Dispatcher]:
    """Dispatchers that follow `policy` with `travel` under an operator's `rules`."""
    return Behaviour(
        kind="dispatcher",
        state_type=Dispatcher,
        command_type=DispatcherCommand,
        event_type=DispatcherEvent,
        initial=initial,
        decide=_Dispatching(policy, travel, rules).decide,
        apply=apply,
        wake_at=wake_at,
        publications=publications,
        concerns=concerns,
        fact_channel=channel,
        signal_type=UnitPosition,
        absorb=absorb,
        urgent=True,
        # The state is the whole region (about 100 KB with 500 units); the events are small.
        snapshot_every=50,
    )


BEHAVIOUR = behaviour(ByPriority(), GreatCircle(), DispatchRules())
