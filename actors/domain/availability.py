"""When a doctor can be booked: weekly windows with exceptions, as arithmetic on UTC.

Weekly windows are minutes of a UTC weekday; the doctor's IANA time zone is kept beside them as
data, for whoever shows or edits them (the domain has no time zone database). Exceptions are
absolute: an open one adds time, a closed one takes it away, and closed wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta, Struct

from actors.domain.kernel import DomainError
from actors.domain.values import Note, Seconds

_DAY_S = 86_400
_DAY_MINUTES = 1440
# 1970-01-01 was a Thursday; Monday is 0.
_EPOCH_WEEKDAY = 3
# The most that one question may span: two months of a calendar. Bounds the answer's size.
MAX_SPAN_S = 62 * _DAY_S


class WeeklyWindow(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """[from_minute, to_minute) of each `weekday` (Monday 0), in UTC. Over midnight takes two."""

    weekday: Annotated[int, Meta(ge=0, le=6)]
    from_minute: Annotated[int, Meta(ge=0, le=_DAY_MINUTES - 1)]
    to_minute: Annotated[int, Meta(ge=1, le=_DAY_MINUTES)]


class AvailabilityException(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """[from_s, to_s) is `open` beside the weekly windows, or closed in spite of them."""

    from_s: Seconds
    to_s: Seconds
    open: bool
    reason: Note | None = None


class Availability(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan of one doctor."""

    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    weekly: Annotated[tuple[WeeklyWindow, ...], Meta(max_length=100)] = ()
    exceptions: Annotated[tuple[AvailabilityException, ...], Meta(max_length=500)] = ()


class Window(Struct, frozen=True, order=True):
    """[from_s, to_s), epoch seconds."""

    from_s: Seconds
    to_s: Seconds


def check(plan: Availability) -> None:
    """Raises DomainError `invalid_availability` for a window that ends before it begins."""
    for window in plan.weekly:
        if window.from_minute >= window.to_minute:
            raise DomainError("invalid_availability", f"{window} ends before it begins")
    for exception in plan.exceptions:
        if exception.from_s >= exception.to_s:
            raise DomainError("invalid_availability", f"{exception} ends before it begins")


def free_windows(plan: Availability, from_s: float, to_s: float) -> tuple[Window, ...]:
    """The open time within [from_s, to_s): disjoint, not touching, in order.

    Raises DomainError `invalid_range` where the range is empty, reversed or over MAX_SPAN_S.
    """
    if not 0 < to_s - from_s <= MAX_SPAN_S:
        raise DomainError("invalid_range", f"ask for more than 0 and at most {MAX_SPAN_S} seconds")
    span = Window(from_s, to_s)
    opened = [Window(x.from_s, x.to_s) for x in plan.exceptions if x.open]
    closed = [Window(x.from_s, x.to_s) for x in plan.exceptions if not x.open]
    free = _union(_clipped([*_weekly(plan, span), *opened], span))
    return tuple(_without(free, _union(closed)))


def _weekly(plan: Availability, span: Window) -> Iterator[Window]:
    for day in range(int(span.from_s // _DAY_S), int(span.to_s // _DAY_S) + 1):
        weekday = (day + _EPOCH_WEEKDAY) % 7
        for window in plan.weekly:
            if window.weekday == weekday:
                start = day * _DAY_S
                yield Window(start + window.from_minute * 60.0, start + window.to_minute * 60.0)


def _clipped(windows: Iterable[Window], span: Window) -> Iterator[Window]:
    for window in windows:
        clipped = Window(max(window.from_s, span.from_s), min(window.to_s, span.to_s))
        if clipped.from_s < clipped.to_s:
            yield clipped


def _union(windows: Iterable[Window]) -> list[Window]:
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.from_s <= merged[-1].to_s:
            merged[-1] = Window(merged[-1].from_s, max(merged[-1].to_s, window.to_s))
        else:
            merged.append(window)
    return merged


def _without(windows: Iterable[Window], holes: list[Window]) -> Iterator[Window]:
    for window in windows:
        start = window.from_s
        for hole in holes:
            if hole.to_s <= start or hole.from_s >= window.to_s:
                continue
            if hole.from_s > start:
                yield Window(start, hole.from_s)
            start = max(start, hole.to_s)
        if start < window.to_s:
            yield Window(start, window.to_s)
