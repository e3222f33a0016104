"""What a dispatcher takes in of emergencies: their cards, and their end."""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.dispatcher.case import Case, Wish, offer_of
from actors.domain.dispatcher.events import (
    DispatcherEvent,
    EmergencyQueued,
    EmergencyRemoved,
    EmergencyUpdated,
    Events,
    Taken,
    UnitStoodDown,
)
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Command, EntityRef, Send
from actors.domain.messages.card import EmergencyCard
from actors.domain.messages.to_dispatcher import EmergencyChanged, RemoveEmergency
from actors.domain.messages.to_paramedic import ReprioritizeTask, StageTask, WithdrawTask
from actors.domain.task import case_key


def emergency_changed(state: Dispatcher, message: EmergencyChanged, now: float) -> Taken:
    """A newer card: a new case, or news of one, its units told what they must hear."""
    card = message.card
    case = state.cases.get(card.emergency)
    if case is None:
        return _new(state, card, now), ()
    if card.revision <= case.card.revision:
        return (), ()
    if not card.further and not case.card.further:
        updated = (EmergencyUpdated(at=now, card=card),)
        return updated, _told(case, card, state.id)
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


def _told(case: Case, card: EmergencyCard, region: str) -> tuple[Send, ...]:
    """What the unit must hear of a newer card."""
    known = case.card
    if card.priority == known.priority and card.staging == known.staging and not card.held:
        return ()
    if case.unit is None or case.task is None or case.phase == "done":
        return ()
    unit = EntityRef("paramedic", case.unit)
    sends: list[Send] = []
    if card.priority != known.priority:
        message: Command = ReprioritizeTask(
            task=case.task, priority=card.priority, revision=card.revision
        )
        sends.append(Send(unit, message))
    if card.staging != known.staging:
        message = StageTask(task=case.task, staging=card.staging, revision=card.revision)
        sends.append(Send(unit, message))
    if card.held and not known.held:
        # Who has accepted goes on: a hold is about whom to send.
        sends += _called_off(case, region, "held by the dispatcher", only_offer=True)
    return tuple(sends)


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


def emergency_removed(state: Dispatcher, command: RemoveEmergency, now: float) -> Taken:
    """It is over, or merged into another: whoever was asked or is on the way is called back."""
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
