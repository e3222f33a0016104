"""Rules `command-once` and `acknowledged`: what was said once happened once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from tests.chaos.journal import End, Event, Line
from tests.chaos.ledger import Acknowledged
from tests.chaos.rule import Violation


class CommandOnce:
    """A command's events are one run of an entity's versions; a second run is it handled twice.

    Of each command that is over eight bytes are kept: a million of them in some 100 MB.
    """

    name = "command-once"
    holds = "no command was carried out twice by its entity"

    def __init__(self) -> None:
        self.checked = 0
        self._latest: dict[str, str] = {}
        self._over: set[bytes] = set()

    def take(self, line: Line) -> Iterator[Violation]:
        if not isinstance(line, Event):
            return
        before = self._latest.get(line.ref)
        if before == line.command:
            return
        self.checked += 1
        self._latest[line.ref] = line.command
        if before is not None:
            self._over.add(_digest(line.ref, before))
        if _digest(line.ref, line.command) in self._over:
            said = f"command {line.command} was carried out again"
            yield Violation(self.name, line.ref, line.version, line.at, said)


def _digest(ref: str, command: str) -> bytes:
    return blake2b(f"{ref}\n{command}".encode(), digest_size=8).digest()


class AcknowledgedOnce:
    """Each command that a client was told is done is in the journal, once, of the entity it named.

    The same id at another entity is one call that became two emergencies.
    """

    name = "acknowledged"
    holds = "each acknowledged command is in the journal exactly once"

    def __init__(self, ledger: Iterable[Acknowledged]) -> None:
        entries = list(ledger)
        self.checked = 0
        self._told = {one.command: one for one in entries}
        self._found: dict[str, set[str]] = {}
        self._runs: Counter[str] = Counter()
        self._latest: dict[str, str] = {}
        self._twice = [one for one in entries if self._told[one.command].ref != one.ref]

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event(command=command, ref=ref):
                begins = self._latest.get(ref) != command
                self._latest[ref] = command
                if begins and command in self._told:
                    self._found.setdefault(command, set()).add(ref)
                    self._runs[command] += 1
            case End():
                yield from self._concluded()
            case _:
                pass

    def _concluded(self) -> Iterator[Violation]:
        for one in self._twice:
            said = f"{one.said}: was acknowledged for {self._told[one.command].ref} as well"
            yield Violation(self.name, one.ref, None, None, said)
        for command, one in self._told.items():
            self.checked += 1
            refs = self._found.get(command, set())
            if one.ref not in refs:
                said = f"{one.said}: was acknowledged and is not there ({command})"
                yield Violation(self.name, one.ref, None, None, said)
            for other in sorted(refs - {one.ref}):
                said = f"{one.said}: was acknowledged of {one.ref}, and is here as well"
                yield Violation(self.name, other, None, None, said)
            if self._runs[command] > len(refs):
                said = f"{one.said}: is there {self._runs[command]} times"
                yield Violation(self.name, one.ref, None, None, said)
