"""What the checker reads: the lines of an exported journal, in the order they are written.

    {"journal": "<its id>", "format": 1}
    {"seq": 1, "ref": "emergency:…", "version": 1, "at": 1.5, "command": "…", "event": {"type": …}}
    {"entity": "emergency:…", "version": 7}
    {"claim": "live-task:paramedic:…", "holder": "…"}
    {"audit": "writer", "seq": 1, "prev": "hex", "hash": "hex"}
    {"end": {"events": 1, "at": 1.5, "outbox": 0}}

Events come by `seq`: what follows from an event has a higher one. All is one snapshot. `at` is in
epoch seconds; at the end, the moment of the snapshot. A file without its last line was cut off and
proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1


class BadJournal(Exception):
    """This is no export of a journal, or not the whole of one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one entity."""

    seq: int
    ref: str
    version: int
    at: float
    command: str
    event: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.event["type"])

    @property
    def kind(self) -> str:
        return self.ref.partition(":")[0]

    @property
    def id(self) -> str:
        """Of its entity, without the kind."""
        return self.ref.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Entity:
    """The version that an entity's own row says it is at."""

    ref: str
    version: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact that is unique in the whole system, and what holds it."""

    key: str
    holder: str


@dataclass(frozen=True, slots=True)
class Audit:
    """One row of an audit chain."""

    writer: str
    seq: int
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class End:
    """`at`: when the snapshot was taken. `outbox`: messages that nobody had handled by then."""

    events: int
    at: float
    outbox: int


Line = Event | Entity | Claim | Audit | End


def read_file(path: Path) -> Iterator[Line]:
    """The lines of an export, one at a time. Raises BadJournal, OSError."""
    with path.open(encoding="utf-8") as file:
        yield from read(file)


def read(lines: Iterable[str]) -> Iterator[Line]:
    """The same of any text lines."""
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    if _object(1, first).get("format") != FORMAT:
        raise BadJournal(f"line 1: no export of a journal in format {FORMAT}")
    ended = False
    for number, text in numbered:
        if ended:
            raise BadJournal(f"line {number}: after the end")
        try:
            line = _line(_object(number, text))
        except (KeyError, TypeError) as error:
            raise BadJournal(f"line {number}: {error!r}") from None
        ended = isinstance(line, End)
        yield line
    if not ended:
        raise BadJournal("it has no end: the export was cut off")


def _object(number: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadJournal(f"line {number}: no JSON object")
    return found


def _line(found: dict[str, Any]) -> Line:
    if "event" in found:
        event = found["event"]
        if not isinstance(event.get("type"), str):
            raise TypeError("an event without a type")
        return Event(
            found["seq"], found["ref"], found["version"], found["at"], found["command"], event
        )
    if "entity" in found:
        return Entity(found["entity"], found["version"])
    if "claim" in found:
        return Claim(found["claim"], found["holder"])
    if "audit" in found:
        return Audit(found["audit"], found["seq"], found["prev"], found["hash"])
    return End(**found["end"])
