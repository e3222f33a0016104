"""Rule `versions`: each entity's versions are 1, 2, 3 … as they were written."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.journal import End, Entity, Event, Line
from tests.chaos.rule import Violation


class Versions:
    """A hole is a lost event; a version behind the last one is a second writer."""

    name = "versions"
    holds = "an entity's versions begin at 1 and have no gap, and its row says the last one"

    def __init__(self) -> None:
        self.checked = 0
        self._at: dict[str, int] = {}
        self._events = 0
        self._seq = 0

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event():
                yield from self._event(line)
            case Entity(ref=ref, version=version):
                self.checked += 1
                found = self._at.pop(ref, 0)
                if found != version:
                    said = f"its row says version {version}, its journal {found}"
                    yield Violation(self.name, ref, found, None, said)
            case End():
                for ref, version in self._at.items():
                    said = "has a journal and no row"
                    yield Violation(self.name, ref, version, None, said)
                if line.events != self._events:
                    said = f"{line.events} events were counted, {self._events} are there"
                    yield Violation(self.name, "journal", None, line.at, said)
            case _:
                pass

    def _event(self, event: Event) -> Iterator[Violation]:
        self.checked += 1
        self._events += 1
        due = self._at.get(event.ref, 0) + 1
        if event.version != due:
            said = f"version {event.version} where {due} was due"
            yield Violation(self.name, event.ref, event.version, event.at, said)
        if event.seq <= self._seq:
            said = f"seq {event.seq} after {self._seq}"
            yield Violation(self.name, event.ref, event.version, event.at, said)
        self._seq = max(self._seq, event.seq)
        self._at[event.ref] = max(event.version, due - 1)
