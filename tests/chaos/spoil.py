"""Ways to spoil a whole journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.chaos.journal import End, Entity, Event, Line

Spoil = Callable[[list[Line]], list[Line]]


def nth(lines: Iterable[Line], ref: str, version: int) -> Event:
    (found,) = (
        line
        for line in lines
        if isinstance(line, Event) and (line.ref, line.version) == (ref, version)
    )
    return found


def dropped(ref: str, version: int) -> Spoil:
    """As if it had never been written; the rows after the events do not know."""
    return lambda lines: [line for line in lines if line is not nth(lines, ref, version)]


def repeated(ref: str, version: int) -> Spoil:
    """The same row once more."""

    def spoil(lines: list[Line]) -> list[Line]:
        row = nth(lines, ref, version)
        at = lines.index(row) + 1
        return [*lines[:at], row, *lines[at:]]

    return spoil


def swapped(ref: str, version: int) -> Spoil:
    """This one and the entity's next in the other order."""

    def spoil(lines: list[Line]) -> list[Line]:
        one, two = nth(lines, ref, version), nth(lines, ref, version + 1)
        other = {id(one): two, id(two): one}
        return [other.get(id(line), line) for line in lines]

    return spoil


def changed(ref: str, version: int, **fields: Any) -> Spoil:
    def spoil(lines: list[Line]) -> list[Line]:
        row = nth(lines, ref, version)
        return [replace(row, **fields) if line is row else line for line in lines]

    return spoil


def appended(ref: str, *events: Mapping[str, Any], at: float = 0.0, command: str = "x") -> Spoil:
    """More events of an entity, its row and the count with them."""

    def spoil(lines: list[Line]) -> list[Line]:
        known = [line for line in lines if isinstance(line, Event)]
        top = max((line.version for line in known if line.ref == ref), default=0)
        more: list[Line] = [
            Event(known[-1].seq + n, ref, top + n, at, command, event)
            for n, event in enumerate(events, 1)
        ]
        rest = [
            line
            for line in lines[len(known) :]
            if not (isinstance(line, Entity) and line.ref == ref)
        ]
        end = rest.pop()
        assert isinstance(end, End)
        end = replace(end, events=end.events + len(more))
        return [*known, *more, *rest, Entity(ref, top + len(more)), end]

    return spoil


def rest(change: Callable[[Line], Line | None]) -> Spoil:
    """What follows the events, a line at a time."""
    return lambda lines: [kept for line in lines if (kept := change(line)) is not None]
