"""Rule `priority`: nobody more urgent was passed over, as far as the dispatcher could know.

When a command of the dispatcher led to an offer, and by the end of that command (all that it
offers, it offers at once) an emergency still waits that is more urgent, that the unit suits and
that it has not refused in this round, then the unit went to the wrong one. What the
dispatcher had not been told at that version does not count. Nor does what a human holds or has
ordered, a unit that was diverted, or an emergency that the policy keeps for a certain busy unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.case import Case, Unit, suits
from tests.chaos.journal import End, Event, Line
from tests.chaos.region import Region, key_of
from tests.chaos.rule import Violation

# By what the region's policy promises. A policy that promises neither is not held to an order.
ORDERS: dict[str, Callable[[Case], Any]] = {
    "priority": lambda case: case.priority,
    "age": lambda case: (case.raised_at, case.key),
}


class PriorityRespected:
    """`order`: one of ORDERS."""

    name = "priority"

    def __init__(self, order: str = "priority") -> None:
        self.checked = 0
        self.holds = f"no offer passed over a waiting emergency that comes first by {order}"
        self._order = ORDERS[order]
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
            self.checked += 1
            unit = region.units.get(offer.event["unit"])
            served = region.cases.get(key_of(offer.event))
            if unit is None or served is None:
                said = f"offered {key_of(offer.event)} to {offer.event['unit']}, unknown"
                yield Violation(self.name, ref, offer.version, offer.at, said)
                continue
            for case in region.waiting(offer.at):
                if self._passed_over(case, served, unit):
                    said = (
                        f"{unit.unit} was offered emergency:{served.key} (class "
                        f"{served.priority}) while emergency:{case.key} (class "
                        f"{case.priority}) waited since {case.since:.3f}"
                    )
                    yield Violation(self.name, ref, offer.version, offer.at, said)

    def _passed_over(self, case: Case, served: Case, unit: Unit) -> bool:
        return (
            self._order(case) < self._order(served)
            and unit.unit not in case.refused_by
            and suits(unit, case)
        )


def _ordered(offer: Event, region: Region) -> bool:
    """Whether a human has ordered it, or it takes a unit that was not free from another case."""
    case = region.cases.get(key_of(offer.event))
    return offer.event.get("diverts") is not None or (case is not None and case.wish is not None)
