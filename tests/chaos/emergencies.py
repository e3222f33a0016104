"""Rules `emergency-ends` and `not-stuck`: every emergency ends, or is in somebody's hands."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.case import Case, suits
from tests.chaos.journal import End, Event, Line
from tests.chaos.region import Region
from tests.chaos.rule import Violation

CANCELLED = "EmergencyCancelled"
ENDS = frozenset({"EmergencyClosed", CANCELLED})
# What one that was merged into another may still hear: of that one, or of the crew it had.
_FOLLOWS = frozenset({"PrimaryFollowed", "DuplicateReturned", "UnitReleased"})


class EmergencyEnds:
    """Raised once and first; ended at most once and last; until then its dispatcher has it.

    One that was merged into another is in that one's hands, unless it is raised again; the other
    must be there, and not cancelled.

    `running`: the journal was read while the service was at work, so messages may be under way, and
    what emergencies and dispatchers know of each other is not compared.
    """

    name = "emergency-ends"
    holds = "each emergency ends once, or its dispatcher has it; none that ended is kept"

    def __init__(self, *, running: bool = False) -> None:
        self.checked = 0
        self._running = running
        self._open: dict[str, float] = {}
        self._ended: dict[str, str] = {}
        self._merged: dict[str, str] = {}
        self._pending: dict[str, str] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event() if line.kind == "emergency":
                for said in self._event(line):
                    yield Violation(self.name, line.ref, line.version, line.at, said)
            case Event(type="EmergencyQueued"):
                self._pending[line.event["card"]["emergency"]] = line.ref
            case Event(type="EmergencyRemoved"):
                self._pending.pop(line.event["emergency"], None)
            case End() if not self._running:
                yield from self._concluded(line)
            case _:
                pass

    def _event(self, line: Event) -> Iterator[str]:
        known = line.id in self._open or line.id in self._ended or line.id in self._merged
        if line.type == "EmergencyRaised":
            self.checked += 1
            if known:
                yield "was raised again"
            self._open[line.id] = line.at
            return
        if not known:
            yield f"{line.type} of what was never raised"
            self._open[line.id] = line.at
        if line.id in self._ended:
            yield f"{line.type} after its end"
        if line.id in self._merged and line.type not in _FOLLOWS:
            yield f"{line.type} while merged into emergency:{self._merged[line.id]}"
        if line.type in ENDS:
            self._open.pop(line.id, None)
            self._ended[line.id] = line.type
        elif line.type == "EmergencyMerged":
            self._open.pop(line.id, None)
            self._merged[line.id] = line.event["into"]
        elif line.type == "DuplicateReturned":
            self._merged.pop(line.id, None)
            self._open[line.id] = line.at

    def _concluded(self, end: End) -> Iterator[Violation]:
        for id_, at in self._open.items():
            if id_ not in self._pending:
                said = "has not ended, and no dispatcher has it"
                yield Violation(self.name, f"emergency:{id_}", None, at, said)
        for id_, ref in self._pending.items():
            if id_ not in self._open:
                said = f"{self._fate(id_)}, and {ref} still has it"
                yield Violation(self.name, f"emergency:{id_}", None, end.at, said)
        for id_, into in self._merged.items():
            known = into in self._open or into in self._ended or into in self._merged
            if self._ended.get(into) == CANCELLED or not known:
                said = f"was merged into emergency:{into}, which {self._fate(into)}"
                yield Violation(self.name, f"emergency:{id_}", None, end.at, said)
        if end.outbox:
            said = f"{end.outbox} messages were never handled"
            yield Violation(self.name, "outbox", None, end.at, said)

    def _fate(self, id_: str) -> str:
        if id_ in self._merged:
            return "was merged"
        return "has ended" if id_ in self._ended else "was never raised"


class NotStuck:
    """What waits at the end waits for something that can come: a unit that is free and suits would
    have been asked, an open offer would have expired, a round of refusals would have ended.

    `bound_s`: how long each of these may be overdue; a shard that was killed is back in seconds.
    """

    name = "not-stuck"

    def __init__(self, bound_s: float) -> None:
        self.checked = 0
        self.holds = f"at the end nothing waits for what was due {bound_s:g} s before"
        self._bound_s = bound_s
        self._regions: dict[str, Region] = {}

    @property
    def unknown(self) -> set[str]:
        """Types of dispatchers' events that the region's model does not know."""
        return {name for region in self._regions.values() for name in region.unknown}

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event() if line.kind == "dispatcher":
                self._regions.setdefault(line.ref, Region()).take(line)
            case End():
                for ref, region in self._regions.items():
                    yield from self._overdue(ref, region, line.at)
            case _:
                pass

    def _overdue(self, ref: str, region: Region, now: float) -> Iterator[Violation]:
        for case in region.cases.values():
            self.checked += 1
            found = _since(region, case)
            if found is not None and now - found[0] > self._bound_s:
                said = f"{ref} {found[1]} since {found[0]:.3f}"
                yield Violation(self.name, f"emergency:{case.emergency}", None, now, said)
        for unit, task in region.reserved.items():
            held = {case.task for case in region.cases.values()}
            freed = region.units.get(unit)
            if task not in held and freed is not None and now - freed.since > self._bound_s:
                said = f"{ref} reserves it for task {task}, which no emergency has"
                yield Violation(self.name, f"paramedic:{unit}", None, now, said)


def _since(region: Region, case: Case) -> tuple[float, str] | None:
    """Since when what it waits for is due, and what that is; None: for nothing that is."""
    if case.phase == "offered":
        if case.expires_at is None:
            return None
        return case.expires_at, f"has it at an offer to {case.unit} that expired"
    if case.phase != "waiting" or case.held:
        return None
    if case.deferred_until is not None:
        return case.deferred_until, "waits for a certain unit, and did not ask again"
    found: tuple[float, str] | None = None
    for unit in region.units.values():
        if not region.free(unit) or not suits(unit, case):
            continue
        if unit.unit not in case.refused_by:
            due = max(case.since, region.free_since(unit)), f"did not ask {unit.unit}, free"
        elif case.retry_at is not None:
            due = case.retry_at, "did not begin its next round"
        else:
            due = max(case.since, region.free_since(unit)), "has no next round"
        found = due if found is None else min(found, due)
    return found
