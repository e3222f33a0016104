"""What others must hear of an emergency's events: its dispatcher, its crews, and its duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from actors.domain.emergency import merge
from actors.domain.emergency.apply import apply, apply_all
from actors.domain.emergency.events import EmergencyEvent, Events, UnitStoodDown
from actors.domain.emergency.machine import ENDED
from actors.domain.emergency.projection import emergency_view
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Decision, EntityRef, Later, Send
from actors.domain.messages.status import EndReason
from actors.domain.messages.to_dispatcher import EmergencyChanged, RemoveEmergency
from actors.domain.messages.to_paramedic import ShareTrack, StageTask, WithdrawTask

_NOTHING: Final = Decision()


def concluded(state: Emergency, events: Events) -> Decision:
    """The events with all that others must hear of them."""
    if not events:
        return _NOTHING
    after = apply_all(state, events)
    return Decision(events, _told(state, events, after), None, after)


def answered(state: Emergency, events: Events) -> Decision:
    """The same for people, who see what came of their command."""
    after = apply_all(state, events)
    return Decision(events, _told(state, events, after), _view(after), after)


def _view(after: Emergency) -> Later:
    return Later(emergency_view, after)


def _told(state: Emergency, events: Events, after: Emergency) -> tuple[Send, ...]:
    """Tell the dispatcher what it must know, and on a cancel the crew."""
    if not events:
        return ()
    if after.status not in ENDED:
        changed, orders = _changed(after), after.orders
        if not orders.staged_at and not orders.duplicates:
            return (changed,)  # nearly always; nobody hears of what follows, then
        return (
            changed,
            *_staged(state, after),
            *_shared(state, after),
            *merge.told(state, after),
        )
    ends: tuple[Send, ...] = (*_called_off(state, events[0]), removal(after))
    if after.status == "cancelled":
        ends += tuple(withdraw(unit, task, after, over=True) for unit, task in _crews(after))
    link = merge.merged(after)
    if link is not None:
        ends += (link,)
    return (*ends, *merge.told(state, after))


def _changed(state: Emergency) -> Send:
    return Send(EntityRef("dispatcher", state.region), EmergencyChanged(card=state.card()))


def _staged(before: Emergency, after: Emergency) -> Iterator[Send]:
    """A crew that is new here hears where to wait, or to wait no more.

    It heard so with its offer; but the dispatcher's word of a change may have come before the offer
    itself, and then meant nothing to it. What it knows already is old news to it.
    """
    orders = after.orders
    if not orders.staged_at:
        return
    staging = None if orders.staged is None else orders.staged.location
    known = set(_crews(before))
    for unit, task in _crews(after):
        if (unit, task) not in known:
            word = StageTask(task=task, staging=staging, revision=orders.staged_at)
            yield Send(EntityRef("paramedic", unit), word)


def _shared(before: Emergency, after: Emergency) -> Iterator[Send]:
    """Each crew hears who else called about it, to be seen coming by all of them."""
    followers = merge.followers(after)
    if not followers:
        return
    known = set(_crews(before)) if followers == merge.followers(before) else set()
    for unit, task in _crews(after):
        if (unit, task) not in known:
            word = ShareTrack(task=task, followers=followers, revision=after.revision)
            yield Send(EntityRef("paramedic", unit), word)


def _called_off(before: Emergency, event: EmergencyEvent) -> tuple[Send, ...]:
    """Of an emergency that is closed by standing its last unit down: that unit is called back.

    By its crew's task, if it is known for on the way; and by the dispatcher, for it may be asked
    only, or its word be on the way. Else a closed emergency's crews are done and need no word.
    """
    if not isinstance(event, UnitStoodDown):
        return ()
    after = apply(before, event)
    still = set(_crews(after))
    gone = [crew for crew in _crews(before) if crew not in still]
    return (_changed(after), *(withdraw(*crew, after, over=True) for crew in gone))


def _crews(state: Emergency) -> Iterator[tuple[str, str]]:
    """Each unit that was on the case to its end, and its task."""
    if state.unit is not None and state.task is not None and state.orders.primary_done is None:
        yield state.unit, state.task
    for further in state.orders.further:
        if further.live and further.unit is not None and further.task is not None:
            yield further.unit, further.task


_END: dict[str, EndReason] = {"closed": "closed", "cancelled": "cancelled", "merged": "merged"}


def removal(state: Emergency) -> Send:
    """The dispatcher hears that it is over."""
    reason = _END[state.status]
    card = state.card() if reason == "merged" else None
    message = RemoveEmergency(emergency=state.id, reason=reason, card=card)
    return Send(EntityRef("dispatcher", state.region), message)


def withdraw(unit: str, task: str, state: Emergency, *, over: bool) -> Send:
    """That unit is called back. `over`: nobody else is to be sent."""
    reason = f"emergency {state.status}" if state.ended else "stood down"
    message = WithdrawTask(task=task, reason=reason, emergency_over=over)
    return Send(EntityRef("paramedic", unit), message)
