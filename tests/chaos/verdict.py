"""What the checker says of a journal that a test has written."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.check_journal import rules, violations
from tests.chaos.journal import Line
from tests.chaos.ledger import Acknowledged
from tests.chaos.rule import Violation
from tests.chaos.sample import Writer


def found_in(
    lines: list[Line], told: Sequence[Acknowledged] = (), order: str = "priority"
) -> list[Violation]:
    """`told`: what callers were acknowledged. `order`: whom the dispatcher serves first."""
    return list(violations(lines, rules(told, order)))


def said_by(rule: str, writer: Writer, order: str = "priority") -> list[str]:
    """What this one rule says of all that was written."""
    return [found.said for found in found_in(writer.all(), order=order) if found.rule == rule]
