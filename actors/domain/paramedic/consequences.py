"""What others must hear of a paramedic's events: its dispatcher, and the emergencies of its tasks.

Read off the events, not sent by the commands: whichever command ended a task, and there are many,
the dispatcher and the emergency learn of it, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from actors.domain.kernel import Decision, EntityRef, Event, Later, Send, Sends
from actors.domain.messages.status import CareOutcome, OfferOutcome, TaskEnd
from actors.domain.messages.to_dispatcher import ReportShift, UnitChanged
from actors.domain.messages.to_paramedic import TakeOver
from actors.domain.paramedic.apply import UNSEEN, apply, apply_all
from actors.domain.paramedic.events import (
    Events,
    OfferVoided,
    ShiftFaulted,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskDiverted,
    TaskExpired,
    TaskHandedBack,
    TaskProgressed,
    TaskRedirected,
    TaskWithdrawn,
    WentOffDuty,
)
from actors.domain.paramedic.reports import (
    AMBULANCE_PHASES,
    ambulance_record,
    answer_to_offer,
    answer_to_task,
    assignment,
    diversion,
    end_of,
    progress_record,
    release_of,
    shift_report,
)
from actors.domain.paramedic.state import Paramedic

_NOTHING: Final = Decision()
DIVERTED = "diverted to another emergency"


def concluded(
    state: Paramedic, events: Events, view: Callable[[Paramedic], Struct] | None = None
) -> Decision:
    """The events with all that others must hear of them.

    `view`: what whoever asked is told of the state that they lead to.
    """
    if not events:
        return _NOTHING if view is None else Decision(answer=Later(view, state))
    if len(events) == 1:  # nearly always
        event = events[0]
        after, kind = apply(state, event), type(event)
        seen, told = kind not in UNSEEN, _TOLD.get(kind)
        sends = () if told is None else told(state, event, after)
    else:
        after, seen = apply_all(state, events), True
        sends = _told(state, events, after)
    if seen and not _seen_alike(state, after):
        sends += _unheard(state, after, sends)
    return Decision(events, sends, None if view is None else Later(view, after), after)


def _told(state: Paramedic, events: Events, after: Paramedic) -> Sends:
    sends: Sends = ()
    for event in events:
        told = _TOLD.get(type(event))
        if told is not None:
            sends += told(state, event, after)
        state = apply(state, event)
    return sends


def _unheard(state: Paramedic, after: Paramedic, sends: Sends) -> Sends:
    """How the unit stands, for each dispatcher that it concerns and that does not hear it anyway:
    with the unit's status, whatever the message is. A shift's report has none."""
    regions = {state.region: None, after.region: None}
    for send in sends:
        if send.to.kind == "dispatcher" and type(send.command) is not ReportShift:
            regions.pop(send.to.id, None)
    unheard: Sends = ()
    for region in regions:
        if region:
            changed = UnitChanged(unit=after.unit_status())
            unheard += (Send(EntityRef("dispatcher", region), changed),)
    return unheard


def _seen_alike(a: Paramedic, b: Paramedic) -> bool:
    """Whether a dispatcher sees no difference."""
    return (
        a.status == b.status
        and a.move == b.move
        and a.station == b.station
        and a.region == b.region
        and a.name == b.name
        and a.skills == b.skills
        and a.vehicle == b.vehicle
    )


def _told_voided(_state: Paramedic, event: OfferVoided, after: Paramedic) -> Sends:
    return (answer_to_offer(event.task, event.offer, event.outcome, after, None),)


def _told_faulted(state: Paramedic, event: ShiftFaulted, _after: Paramedic) -> Sends:
    return (shift_report(state, event),)


def _told_off_duty(state: Paramedic, event: WentOffDuty, _after: Paramedic) -> Sends:
    if event.relief is None or event.note is None:
        return ()
    over = TakeOver(unit=state.id, station=state.station, note=event.note)
    return (Send(EntityRef("paramedic", event.relief), over),)


def _told_accepted(state: Paramedic, event: TaskAccepted, after: Paramedic) -> Sends:
    task = state.queued(event.task)
    assign = Send(EntityRef("emergency", task.emergency), assignment(state.id, task, event.at))
    return (assign, answer_to_task(task, "accepted", after))


def _told_diverted(state: Paramedic, event: TaskDiverted, after: Paramedic) -> Sends:
    old, new = state.queued(event.from_task), event.task
    answer = diversion(old, event, after)
    if not old.live:
        return (answer,)
    released = EntityRef("emergency", old.emergency)
    onward = EntityRef("emergency", new.emergency)
    return (
        # Why the other is more urgent is the other patient's, and is not noted with this one.
        Send(released, release_of(state.id, old, DIVERTED)),
        Send(onward, assignment(state.id, new, event.at)),
        answer,
    )


def _told_declined(state: Paramedic, event: TaskDeclined, after: Paramedic) -> Sends:
    outcome: OfferOutcome = "declined" if event.by_crew else "unavailable"
    return (answer_to_task(state.queued(event.task), outcome, after, event.reason),)


def _told_expired(state: Paramedic, event: TaskExpired, after: Paramedic) -> Sends:
    return (answer_to_task(state.queued(event.task), "expired", after),)


def _told_progressed(state: Paramedic, event: TaskProgressed, _after: Paramedic) -> Sends:
    task = state.queued(event.task)
    to = event.destination or task.destination
    record = progress_record(state.id, task, event.step, event.at, to)
    progress = Send(EntityRef("emergency", task.emergency), record)
    if to is None:
        return (progress,)
    phase = AMBULANCE_PHASES.get(event.step)
    return (*ambulance_record(state.id, task, to, phase, event.at), progress)


def _told_redirected(state: Paramedic, event: TaskRedirected, _after: Paramedic) -> Sends:
    task, to, at = state.queued(event.task), event.destination, event.at
    record = progress_record(state.id, task, "transporting", at, to)
    return (
        *ambulance_record(state.id, task, task.destination, "gone", at),
        *ambulance_record(state.id, task, to, "under_way", at),
        Send(EntityRef("emergency", task.emergency), record),
    )


def _told_completed(state: Paramedic, event: TaskCompleted, after: Paramedic) -> Sends:
    task, at = state.queued(event.task), event.at
    to = task.destination
    outcome: CareOutcome = "treated_on_scene" if task.step == "on_scene" else "handed_over"
    record = progress_record(state.id, task, "completed", at, to, outcome)
    progress = Send(EntityRef("emergency", task.emergency), record)
    ended = end_of(task, "completed", after)
    return (*ambulance_record(state.id, task, to, "gone", at), progress, ended)


def _told_handed_back(state: Paramedic, event: TaskHandedBack, after: Paramedic) -> Sends:
    return _told_given_up(state, event, after, "handed_back")


def _told_withdrawn(state: Paramedic, event: TaskWithdrawn, after: Paramedic) -> Sends:
    task = state.queued(event.task)
    if not task.live:
        return (answer_to_task(task, "withdrawn", after, event.reason),)
    return _told_given_up(state, event, after, "cancelled" if event.emergency_over else "withdrawn")


def _told_given_up(
    state: Paramedic, event: TaskHandedBack | TaskWithdrawn, after: Paramedic, outcome: TaskEnd
) -> Sends:
    task = state.queued(event.task)
    released = EntityRef("emergency", task.emergency)
    return (
        *ambulance_record(state.id, task, task.destination, "gone", event.at),
        Send(released, release_of(state.id, task, event.reason)),
        end_of(task, outcome, after, event.reason),
    )


# By type: most events are told to somebody else than the next, and this is asked at every event.
_TOLD: Mapping[type[Event], Callable[[Paramedic, Any, Paramedic], Sends]] = {
    OfferVoided: _told_voided,
    ShiftFaulted: _told_faulted,
    WentOffDuty: _told_off_duty,
    TaskAccepted: _told_accepted,
    TaskDiverted: _told_diverted,
    TaskDeclined: _told_declined,
    TaskExpired: _told_expired,
    TaskProgressed: _told_progressed,
    TaskRedirected: _told_redirected,
    TaskCompleted: _told_completed,
    TaskHandedBack: _told_handed_back,
    TaskWithdrawn: _told_withdrawn,
}
