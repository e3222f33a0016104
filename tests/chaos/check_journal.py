"""Proves from the journal alone that nothing was lost, doubled, crossed, forgotten or passed over.

    python -m tests.chaos.check_journal FILE [--ledger FILE]
    python -m tests.chaos.check_journal --database-file FILE --master-key-file FILE

FILE is what `maxray journal export` wrote; the other form reads PostgreSQL by itself. A separate
program on purpose: nothing of the service's code is imported, so no fault of it can hide in here.
It reads the journal once, front to back. Status 0: all holds. 1: each violation was printed. 2:
there was no whole journal to read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.chaos.audit import AuditChained
from tests.chaos.commands import AcknowledgedOnce, CommandOnce
from tests.chaos.crews import Claims, OneLiveTask, OnePrimaryUnit
from tests.chaos.database import Unreadable, read_database
from tests.chaos.emergencies import EmergencyEnds, NotStuck
from tests.chaos.journal import BadJournal, End, Line, read_file
from tests.chaos.ledger import Acknowledged, read_ledger
from tests.chaos.priority import ORDERS, PriorityRespected, WithdrawnFirst
from tests.chaos.rule import Rule, Violation
from tests.chaos.versions import Versions

SHOWN = 20
STUCK_S = 30.0


def rules(
    ledger: Iterable[Acknowledged] = (),
    order: str = "priority",
    stuck_s: float = STUCK_S,
    *,
    running: bool = False,
) -> tuple[Rule, ...]:
    """All of them, new. `order` `none`: the region's policy promises none between classes.
    `running`: do without what holds only once no message is under way."""
    found: list[Rule] = [
        Versions(),
        CommandOnce(),
        AcknowledgedOnce(ledger),
        OneLiveTask(),
        OnePrimaryUnit(),
        Claims(),
        EmergencyEnds(running=running),
        NotStuck(stuck_s),
        AuditChained(),
    ]
    if order in ORDERS:
        found.append(PriorityRespected(order))
    if order != "age":
        found.append(WithdrawnFirst())
    return tuple(found)


def violations(lines: Iterable[Line], held: Iterable[Rule]) -> Iterator[Violation]:
    """Everything that does not hold. Keeps no line longer than the rules do."""
    held = tuple(held)
    for line in lines:
        for rule in held:
            yield from rule.take(line)


def table(held: Iterable[Rule], found: Counter[str]) -> Iterator[str]:
    """One row a rule."""
    yield f"{'rule':<18}{'checked':>9}{'violations':>12}  what holds"
    for rule in held:
        yield f"{rule.name:<18}{rule.checked:>9}{found[rule.name]:>12}  {rule.holds}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", help="an export of the journal")
    parser.add_argument("--database-file", type=Path, help="instead: holds PostgreSQL's URL")
    parser.add_argument("--master-key-file", type=Path, help="and this one the master key")
    parser.add_argument("--ledger", type=Path, help="what clients were acknowledged")
    parser.add_argument(
        "--order",
        choices=[*ORDERS, "none"],
        default="priority",
        help="what the dispatch policy promises (default: priority)",
    )
    parser.add_argument(
        "--stuck", type=float, default=STUCK_S, metavar="S", help="seconds a thing may be overdue"
    )
    parser.add_argument(
        "--running",
        action="store_true",
        help="it was read from a service at work: messages may be under way",
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=0.0,
        metavar="S",
        help="with a database: seconds that its outbox may take to empty",
    )
    given = parser.parse_args()
    if (given.file is None) == (given.database_file is None):
        parser.error("name an export, or --database-file")
    if given.database_file is not None and given.master_key_file is None:
        parser.error("--database-file needs --master-key-file")
    return given


def source(given: argparse.Namespace) -> Iterator[Line]:
    """Raises BadJournal, Unreadable, OSError."""
    if given.file is not None:
        return read_file(given.file)
    url = given.database_file.read_text().strip()
    return read_database(url, given.master_key_file.read_text().strip())


def check(given: argparse.Namespace) -> tuple[tuple[Rule, ...], list[Violation], End]:
    """Once. Raises what `source` and `read_ledger` raise."""
    ledger = [] if given.ledger is None else list(read_ledger(given.ledger))
    held = rules(ledger, given.order, given.stuck, running=given.running)
    end: End | None = None

    def watched() -> Iterator[Line]:
        nonlocal end
        for line in source(given):
            if isinstance(line, End):
                end = line
            yield line

    found = list(violations(watched(), held))
    assert end is not None, "a journal ends with its end, or is refused"
    return held, found, end


def main() -> int:
    given = arguments()
    deadline = time.monotonic() + given.settle
    try:
        held, found, end = check(given)
        while end.outbox and time.monotonic() < deadline:
            time.sleep(0.5)  # a message takes a second at most; a look reads the whole journal
            held, found, end = check(given)
    except (BadJournal, Unreadable, OSError, ValueError) as error:
        print(f"check_journal: {error}", file=sys.stderr)
        return 2
    for violation in found[:SHOWN]:
        print(violation)
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN} more")
    print("\n".join(table(held, Counter(one.rule for one in found))))
    for rule in held:
        if isinstance(rule, NotStuck) and rule.unknown:
            print(f"unknown events of dispatchers: {', '.join(sorted(rule.unknown))}")
    whole = "BROKEN" if found else "whole"
    print(f"journal: {whole}, {len(found)} violations in {end.events} events")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
