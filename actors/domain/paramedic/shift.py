"""A unit and its shifts: when the crew is not where the plan has it, and what is remembered.

Two faults, each told once for a shift. *absent*: it runs and the unit is off duty, for longer than
it takes to sign in. *overrun*: it is over and the unit is still on duty, for longer than a handover
takes; never in the middle of a task, and not where its next shift follows.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.messages.status import ShiftFault
from actors.domain.values import Id, Seconds

# Signing in at the vehicle takes a crew a minute or two; later than that somebody should ring up.
ABSENT_AFTER_S = 120.0
# To restock, clean and hand the vehicle over after the end, or before it where relief came early.
HANDOVER_S = 600.0


class PlannedShift(Struct, frozen=True, kw_only=True):
    """A shift of this unit, [starts_at, ends_at). `told`: the faults that ops has heard of."""

    id: Id
    revision: int
    station: Id
    starts_at: Seconds
    ends_at: Seconds
    cancelled: bool = False
    told: tuple[ShiftFault, ...] = ()


class Duty(Struct, frozen=True):
    """How a unit stands: on duty or not, busy with a task, and since when it is so."""

    on_duty: bool
    busy: bool
    since: Seconds


Shifts = tuple[PlannedShift, ...]


def planned(shifts: Shifts, shift: PlannedShift) -> Shifts:
    """With this one, in the place of its older plan. What was told of the same times stays."""
    known = next((one for one in shifts if one.id == shift.id), None)
    if known is not None and (known.starts_at, known.ends_at) == (shift.starts_at, shift.ends_at):
        shift = replace(shift, told=known.told)
    others = (one for one in shifts if one.id != shift.id)
    return tuple(sorted((*others, shift), key=lambda one: (one.starts_at, one.id)))


def unfinished(shifts: Shifts, now: float, relieved_at: float | None = None) -> Shifts:
    """Those that are not over; without those that had begun when the crew was relieved."""
    return tuple(
        shift
        for shift in shifts
        if shift.ends_at > now and (relieved_at is None or shift.starts_at > relieved_at)
    )


def faulted(shifts: Shifts, shift_id: str, fault: ShiftFault) -> Shifts:
    """That fault was told."""
    return tuple(
        replace(shift, told=(*shift.told, fault)) if shift.id == shift_id else shift
        for shift in shifts
    )


def current(shifts: Shifts, now: float) -> PlannedShift | None:
    """The one to go on duty for: that runs, or else the next one announced."""
    return next((shift for shift in shifts if shift.ends_at > now and not shift.cancelled), None)


def due_at(shifts: Shifts, duty: Duty) -> float | None:
    """When the next fault is due, as long as nothing changes."""
    return min((at for at, _, _ in _coming(shifts, duty)), default=None)


def due(shifts: Shifts, duty: Duty, now: float) -> tuple[tuple[PlannedShift, ShiftFault], ...]:
    """The faults to tell now."""
    return tuple((shift, fault) for at, shift, fault in _coming(shifts, duty) if at <= now)


def _coming(shifts: Shifts, duty: Duty) -> Iterator[tuple[float, PlannedShift, ShiftFault]]:
    for shift in shifts:
        if shift.cancelled:
            continue
        if not duty.on_duty:
            at = max(shift.starts_at, duty.since) + ABSENT_AFTER_S
            if "absent" not in shift.told and at < shift.ends_at - HANDOVER_S:
                yield at, shift, "absent"
        elif not duty.busy and "overrun" not in shift.told and not _followed(shift, shifts):
            yield max(shift.ends_at, duty.since) + HANDOVER_S, shift, "overrun"


def _followed(shift: PlannedShift, shifts: Shifts) -> bool:
    return any(
        shift.starts_at < other.starts_at <= shift.ends_at + HANDOVER_S
        for other in shifts
        if not other.cancelled
    )
