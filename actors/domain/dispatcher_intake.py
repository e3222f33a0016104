"""What a dispatcher takes in: messages of entities, and the clock. Nothing here is refused.

What the sender says is so; what is stale is ignored. Whom to send is asked afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from actors.domain.dispatcher import Dispatcher, DispatcherCommand
from actors.domain.dispatcher_case import MACHINE, Case, DispatchRules, Wish
from actors.domain.dispatcher_events import (
    CrewDone,
    CrewLost,
    DeferralEnded,
    DispatcherEvent,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    OfferClosed,
    OpsAlerted,
    RoundRestarted,
    ShiftReported,
    StationsUpdated,
    UnitLeft,
    UnitStoodDown,
    UnitTakenOver,
    UnitUpdated,
)
from actors.domain.kernel import Command, Context, EntityRef, Send, Wake
from actors.domain.messages import (
    EmergencyCard,
    EmergencyChanged,
    Offer,
    OfferAnswered,
    RemoveEmergency,
    ReportShift,
    ReprioritizeTask,
    StageTask,
    StationsChanged,
    TaskEnded,
    UnitChanged,
    UnitDiverted,
    UnitStatus,
    WithdrawTask,
)
from actors.domain.task import case_key

Events = tuple[DispatcherEvent, ...]
Sends = tuple[Send, ...]
_Taken = tuple[Events, Sends]


def taken_in(
    state: Dispatcher, command: DispatcherCommand, ctx: Context, rules: DispatchRules
) -> tuple[Events, Sends]:
    """What a message or a Wake makes known, and what follows at once."""
    take = _TAKEN.get(type(command))
    if take is not None:
        return take(state, command, ctx.now)
    if isinstance(command, Wake):
        return tuple(_due(state, ctx.now, rules)), ()
    return (), ()


def _due(state: Dispatcher, now: float, rules: DispatchRules) -> Iterator[DispatcherEvent]:
    for case in state.cases.values():
        emergency, slot = case.card.emergency, case.slot
        if case.retry_at is not None and case.retry_at <= now:
            yield RoundRestarted(at=now, emergency=emergency, slot=slot)
        if case.deferred_until is not None and case.deferred_until <= now:
            yield DeferralEnded(at=now, emergency=emergency, slot=slot)
        called = case.escalate_at is not None and case.escalate_at <= now
        if called and not case.card.held:
            yield alert(case, now, rules)


def alert(case: Case, now: float, rules: DispatchRules) -> OpsAlerted:
    """A human is called, a level higher than the last time."""
    return OpsAlerted(
        at=now,
        emergency=case.card.emergency,
        slot=case.slot,
        tries=case.tries,
        level=case.level + 1,
        next_at=None if rules.escalate_s is None else now + rules.escalate_s,
    )


def _card(state: Dispatcher, card: EmergencyCard, now: float) -> tuple[Events, Sends]:
    case = state.cases.get(card.emergency)
    if case is None:
        return _new(state, card, now), ()
    if card.revision <= case.card.revision:
        return (), ()
    if not card.further and not case.card.further:
        updated = (EmergencyUpdated(at=now, card=card),)
        return updated, () if case.unit is None else tuple(_told(case, card, state.id))
    events: list[DispatcherEvent] = [EmergencyUpdated(at=now, card=card)]
    sends: list[Send] = []
    wanted = {1, *(further.slot for further in card.further)}
    for known in _of(state, card.emergency):
        if known.slot in wanted:
            sends += _told(known, card, state.id)
            continue
        events.append(UnitStoodDown(at=now, emergency=card.emergency, slot=known.slot))
        sends += _called_off(known, state.id, "stood down", over=True)
    events += _further(state, card, now)
    return tuple(events), tuple(sends)


def _new(state: Dispatcher, card: EmergencyCard, now: float) -> Events:
    aside = state.merged.get(card.emergency)
    if aside is not None:
        # Its own again, with all that was wanted for it; or a word from before it was merged.
        if card.revision <= aside.card.revision:
            return ()
        return (EmergencyQueued(at=now, card=card), *_further(state, card, now))
    # With a crew it was known here before: then its end came before this message.
    if card.emergency in state.ended or card.status != "raised":
        return ()
    return (EmergencyQueued(at=now, card=card), *_further(state, card, now))


def _further(state: Dispatcher, card: EmergencyCard, now: float) -> Events:
    """Cases for the further units that are not known yet. A slot that was done stays known."""
    if not card.further:
        return ()
    return tuple(
        EmergencyQueued(
            at=now,
            card=card,
            slot=further.slot,
            wish=None if further.wanted is None else Wish(unit=further.wanted),
        )
        for further in card.further
        if case_key(card.emergency, further.slot) not in state.cases
    )


def _of(state: Dispatcher, emergency: str) -> list[Case]:
    """All cases of an emergency, its primary unit's first."""
    first = state.cases.get(emergency)
    if first is None:
        return []
    if not first.card.further:
        return [first]
    rest = (state.cases.get(case_key(emergency, s.slot)) for s in first.card.further)
    return [first, *(case for case in rest if case is not None)]


def _told(case: Case, card: EmergencyCard, region: str) -> Iterator[Send]:
    """What the unit must hear of a newer card."""
    if case.unit is None or case.task is None or case.phase == "done":
        return
    unit = EntityRef("paramedic", case.unit)
    if card.priority != case.card.priority:
        message: Command = ReprioritizeTask(
            task=case.task, priority=card.priority, revision=card.revision
        )
        yield Send(unit, message)
    if card.staging != case.card.staging:
        message = StageTask(task=case.task, staging=card.staging, revision=card.revision)
        yield Send(unit, message)
    if card.held and not case.card.held:
        # Who has accepted goes on: a hold is about whom to send.
        yield from _called_off(case, region, "held by the dispatcher", only_offer=True)


def _called_off(
    case: Case, region: str, reason: str, *, over: bool = False, only_offer: bool = False
) -> Iterator[Send]:
    """Call back whoever was asked or is on the way."""
    if case.unit is None or case.task is None or case.phase == "done":
        return
    if only_offer and case.phase != "offered":
        return
    withdraw = WithdrawTask(
        task=case.task,
        reason=reason,
        emergency_over=over,
        offer=offer_of(case, region),
        only_offer=only_offer,
    )
    yield Send(EntityRef("paramedic", case.unit), withdraw)


def offer_of(case: Case, region: str) -> Offer | None:
    """The offer that is out, should its withdrawal overtake it."""
    if case.expires_at is None:
        return None
    return Offer(
        emergency=case.card.emergency,
        region=region,
        attempt=case.attempt,
        expires_at=case.expires_at,
        slot=case.slot,
    )


def _removal(state: Dispatcher, command: RemoveEmergency, now: float) -> tuple[Events, Sends]:
    emergency, reason = command.emergency, command.reason
    if emergency in state.ended:
        return (), ()
    cases = _of(state, emergency)
    if command.card is not None:
        known = state.case(emergency)
        if known is not None and command.card.revision <= known.card.revision:
            return (), ()
    removed = EmergencyRemoved(at=now, emergency=emergency, reason=reason, card=command.card)
    if reason == "closed":
        return (removed,), ()  # by its crews, which need no calling back
    over = reason == "cancelled"
    sends = [
        send for case in cases for send in _called_off(case, state.id, _WHY[reason], over=over)
    ]
    return (removed,), tuple(sends)


_WHY = {"cancelled": "emergency cancelled", "merged": "the same as another emergency"}


def _unit(state: Dispatcher, unit: UnitStatus, now: float) -> Events:
    known = state.units.get(unit.unit)
    if known is not None and unit.revision <= known.revision:
        return ()
    if unit.status != "retired" and unit.region == state.id:
        return (UnitUpdated(at=now, unit=unit),)
    return () if known is None else (UnitLeft(at=now, unit=unit.unit),)


def _answer(state: Dispatcher, answer: OfferAnswered, now: float) -> Events:
    unit = answer.unit.unit
    case = state.case(answer.emergency, answer.slot)
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
            slot=answer.slot,
        ),
    )


def _end(state: Dispatcher, end: TaskEnded, now: float) -> Events:
    unit = end.unit.unit
    case = state.case(end.emergency, end.slot)
    if case is None or case.task != end.task or case.phase == "done":
        return ()  # a repeat, or of an emergency that is over
    # One that was merged is never done here: should it be its own again, somebody must go.
    aside = case.key not in state.cases
    if MACHINE.next(case.phase, f"TaskEnded:{end.outcome}") == "done" and not aside:
        return (
            CrewDone(
                at=now,
                task=end.task,
                emergency=end.emergency,
                unit=unit,
                outcome=end.outcome,
                slot=end.slot,
            ),
        )
    return (
        CrewLost(
            at=now,
            task=end.task,
            emergency=end.emergency,
            unit=unit,
            outcome=end.outcome,
            reason=end.reason,
            slot=end.slot,
        ),
    )


def _diverted(state: Dispatcher, word: UnitDiverted, now: float) -> Events:
    """Both sides in one; each counts only while it is as the unit left it."""
    left = state.case(word.from_emergency, word.from_slot)
    case = state.case(word.emergency, word.slot)
    of_left = left is not None and left.task == word.from_task and left.phase != "done"
    of_case = case is not None and case.task == word.task and case.phase == "offered"
    if not of_left and not of_case and state.reserved.get(word.unit.unit) != word.task:
        return ()
    return (
        UnitTakenOver(
            at=now,
            unit=word.unit.unit,
            from_task=word.from_task,
            from_emergency=word.from_emergency,
            from_slot=word.from_slot,
            task=word.task,
            emergency=word.emergency,
            slot=word.slot,
            accepted=word.accepted,
        ),
    )


def _emergency_changed(state: Dispatcher, message: EmergencyChanged, now: float) -> _Taken:
    return _card(state, message.card, now)


def _unit_changed(state: Dispatcher, message: UnitChanged, now: float) -> _Taken:
    return _unit(state, message.unit, now), ()


def _offer_answered(state: Dispatcher, message: OfferAnswered, now: float) -> _Taken:
    return (*_unit(state, message.unit, now), *_answer(state, message, now)), ()


def _task_ended(state: Dispatcher, message: TaskEnded, now: float) -> _Taken:
    return (*_unit(state, message.unit, now), *_end(state, message, now)), ()


def _unit_diverted(state: Dispatcher, message: UnitDiverted, now: float) -> _Taken:
    return (*_unit(state, message.unit, now), *_diverted(state, message, now)), ()


def _stations_changed(state: Dispatcher, message: StationsChanged, now: float) -> _Taken:
    if message.revision <= state.stations_revision:
        return (), ()
    revision, stations = message.revision, message.stations
    return (StationsUpdated(at=now, revision=revision, stations=stations),), ()


def _shift_reported(_state: Dispatcher, message: ReportShift, now: float) -> _Taken:
    report = ShiftReported(
        at=now,
        unit=message.unit,
        shift=message.shift,
        station=message.station,
        fault=message.fault,
    )
    return (report,), ()


# By type: a `match` over so many classes asks for each in turn, at every message.
_TAKEN: Mapping[type[Command], Callable[[Dispatcher, Any, float], _Taken]] = {
    EmergencyChanged: _emergency_changed,
    RemoveEmergency: _removal,
    UnitChanged: _unit_changed,
    OfferAnswered: _offer_answered,
    TaskEnded: _task_ended,
    UnitDiverted: _unit_diverted,
    StationsChanged: _stations_changed,
    ReportShift: _shift_reported,
}
