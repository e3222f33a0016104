"""What a rule is: it is shown every line once, in order, and says what does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.journal import Line


@dataclass(frozen=True, slots=True)
class Violation:
    """`version`, `at`: where it was found, of that entity; None where it is of no one event."""

    rule: str
    entity: str
    version: int | None
    at: float | None
    said: str

    def __str__(self) -> str:
        where = "" if self.version is None else f" v{self.version}"
        when = "" if self.at is None else f" at {self.at:.3f}"
        return f"{self.rule}: {self.entity}{where}{when}: {self.said}"


class Rule(Protocol):
    """`checked` counts the cases it was applied to: a rule that had none has proven nothing."""

    name: str
    holds: str
    checked: int

    def take(self, line: Line) -> Iterator[Violation]:
        """What a line shows to be wrong. The last one it is given is the End."""
        ...
