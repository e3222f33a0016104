"""Rules `priority`, `head-of-class`: nobody was passed over, as far as the dispatcher could know.

When a command of the dispatcher led to an offer, and by the end of that command (all that it
offers, it offers at once) an emergency still waits that is more urgent, that the unit suits and
that it has not refused in this round, then the unit went to the wrong one. What the
dispatcher had not been told at that version does not count. Nor does what a human holds or has
ordered, a unit that was diverted, or an emergency that the policy keeps for a certain busy unit.

One that a unit on its way was taken from is the first of its class: whoever of that class was
offered a unit before it was offered it wrongly, in the same sense, however long he had waited. But
policies that raise a class by age may have raised his.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.case import Case, suits
from tests.chaos.journal import End, Event, Line
from tests.chaos.region import Region, key_of
from tests.chaos.rule import Violation

# By what the region's policy promises. A policy that promises neither is not held to an order.
ORDERS: dict[str, Callable[[Case], Any]] = {
    "priority": lambda case: case.priority,
    "age": lambda case: (case.raised_at, case.key),
}


# A quarter of an hour without a unit raises an emergency a class, to the second at most, where the
# policy does that.
RAISED_AFTER_S = 900.0
_HIGHEST_BY_AGE = 2


class _Passing(ABC):
    """What was offered by one command, and what waits at its end."""

    name: str

    def __init__(self) -> None:
        self.checked = 0
        self._regions: dict[str, Region] = {}
        self._offers: dict[str, list[Event]] = {}
        self._latest: dict[str, str] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event() if line.kind == "dispatcher":
                if self._latest.get(line.ref) != line.command:
                    yield from self._settled(line.ref)
                    self._latest[line.ref] = line.command
                region = self._regions.setdefault(line.ref, Region())
                if line.type == "OfferMade" and not _ordered(line, region):
                    self._offers.setdefault(line.ref, []).append(line)
                region.take(line)
            case End():
                for ref in self._regions:
                    yield from self._settled(ref)
            case _:
                pass

    def _settled(self, ref: str) -> Iterator[Violation]:
        """The command before is complete: what waits now waited for all of its offers."""
        region = self._regions.get(ref)
        for offer in self._offers.pop(ref, []):
            assert region is not None, "offers are kept of regions"
            unit = region.units.get(offer.event["unit"])
            served = region.cases.get(key_of(offer.event))
            if unit is None or served is None:
                said = f"offered {key_of(offer.event)} to {offer.event['unit']}, unknown"
                yield Violation(self.name, ref, offer.version, offer.at, said)
                continue
            self.checked += self._counts(served)
            for case in region.waiting(offer.at):
                able = unit.unit not in case.refused_by and suits(unit, case)
                if able and self._first(case, served, offer.at):
                    said = (
                        f"{unit.unit} was offered emergency:{served.key} (class "
                        f"{served.priority}) while emergency:{case.key} (class "
                        f"{case.priority}) waited since {case.since:.3f}"
                    )
                    yield Violation(self.name, ref, offer.version, offer.at, said)

    @abstractmethod
    def _counts(self, served: Case) -> bool:
        """Whether an offer to this one was checked by it."""

    @abstractmethod
    def _first(self, case: Case, served: Case, at: float) -> bool:
        """Whether `case`, which waits, comes before who was served."""


class PriorityRespected(_Passing):
    """`order`: one of ORDERS."""

    name = "priority"

    def __init__(self, order: str = "priority") -> None:
        super().__init__()
        self.holds = f"no offer passed over a waiting emergency that comes first by {order}"
        self._order = ORDERS[order]

    def _counts(self, served: Case) -> bool:
        return True

    def _first(self, case: Case, served: Case, at: float) -> bool:
        return bool(self._order(case) < self._order(served))


class WithdrawnFirst(_Passing):
    """`checked` counts the offers of units to those that a unit had been taken from."""

    name = "head-of-class"
    holds = "no offer passed over one of its class that a unit was taken from"

    def _counts(self, served: Case) -> bool:
        return served.preempted > 0

    def _first(self, case: Case, served: Case, at: float) -> bool:
        return (
            case.preempted > 0 == served.preempted
            and case.priority == served.priority
            and _class_by_age(case, at) <= _class_by_age(served, at)
        )


def _class_by_age(case: Case, at: float) -> int:
    raised = int(max(0.0, at - case.raised_at) // RAISED_AFTER_S)
    return min(case.priority, max(_HIGHEST_BY_AGE, case.priority - raised))


def _ordered(offer: Event, region: Region) -> bool:
    """Whether a human has ordered it, or it takes a unit that was not free from another case."""
    case = region.cases.get(key_of(offer.event))
    return offer.event.get("diverts") is not None or (case is not None and case.wish is not None)
