"""Rule `audit`: no row of the audit trail is missing, and each is chained to the one before."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.journal import Audit, Line
from tests.chaos.rule import Violation


class AuditChained:
    """`maxray audit verify` computes the hashes anew; this sees holes and broken chains."""

    name = "audit"
    holds = "each chain of the audit trail is without a hole"

    def __init__(self) -> None:
        self.checked = 0
        self._last: dict[str, Audit] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        if not isinstance(line, Audit):
            return
        self.checked += 1
        before = self._last.get(line.writer)
        who = f"audit of {line.writer}"
        if line.seq != (1 if before is None else before.seq + 1):
            yield Violation(self.name, who, line.seq, None, f"a hole before {line.seq}")
        elif before is not None and line.prev != before.hash:
            yield Violation(self.name, who, line.seq, None, "not chained to the one before")
        self._last[line.writer] = line
