"""A region as its dispatcher knew it after each of its events, told again from the journal.

Written from what the events mean, not with the dispatcher's code: what waits, which units are free,
who was asked and who has refused. What is wanted for an emergency is a case: its primary unit (slot
1), and one for each further unit that was ordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.case import Case, Unit
from tests.chaos.journal import Event

PRIMARY = 1
# Told to people, or about what no offer depends on.
_NO_MATTER = frozenset(
    {
        *("NoUnitFree", "OpsAlerted", "UnitPosted"),
        *("StationsUpdated", "HospitalNoted", "ShiftReported"),
    }
)


class Region:
    """`cases` by key, `units` by id, `reserved`: unit -> the task that it was asked for.

    `unknown`: types of events that this model was not taught.
    """

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.units: dict[str, Unit] = {}
        self.reserved: dict[str, str] = {}
        self.unknown: set[str] = set()
        self._merged: dict[str, Case] = {}
        self._freed_at: dict[str, float] = {}

    def take(self, line: Event) -> None:
        """Follow one event of the region's dispatcher."""
        event, at = line.event, line.at
        match line.type:
            case "EmergencyQueued":
                self._queued(event, at)
            case "EmergencyUpdated":
                self._updated(event["card"], at)
            case "EmergencyRemoved":
                self._removed(event, at)
            case "UnitStoodDown":
                self.cases.pop(key_of(event), None)
            case "UnitUpdated":
                self._unit(event["unit"], at)
            case "UnitLeft":
                self.units.pop(event["unit"], None)
            case "OfferClosed":
                self._unreserve(event["unit"], event["task"], at)
                if event["outcome"] != "accepted":
                    self._still_asked(event["unit"], event["task"])
                self._closed(self._case(event), event, at)
            case "UnitTakenOver":
                self._taken_over(event, at)
            case "CrewLost" | "CrewDone":
                self._unreserve(event["unit"], event["task"], at)
                self._of_case(line)
            case "OfferMade":
                self.reserved[event["unit"]] = event["task"]
                self._of_case(line)
            case _:
                self._of_case(line)

    def _of_case(self, line: Event) -> None:
        """What happens to a case alone."""
        event, at = line.event, line.at
        case = self._case(event) or Case("", "", 0, 0.0)  # of one that is gone, nothing is kept
        match line.type:
            case "OfferMade":
                case.offered(event["unit"], event["task"], event["expires_at"])
            case "CrewLost":
                called_back = case.recalled == event["task"]
                case.waits(at)
                if event["outcome"] == "handed_back" or not called_back:
                    case.refused_by.add(event["unit"])
            case "CrewDone":
                case.phase = "done"
            case "AllRefused":
                case.retry_at = event["retry_at"]
            case "RoundRestarted":
                case.retry_at, case.refused_by = None, set()
            case "EmergencyDeferred":
                case.deferred_until = event["until"]
            case "DeferralEnded":
                case.deferred_until = None
                case.since = max(case.since, at)
            case "OverrideOrdered":
                case.wish, case.since = event["wish"]["unit"], at
            case "OverrideLapsed":
                case.wish, case.since = None, at
            case other if other not in _NO_MATTER:
                self.unknown.add(other)

    def _case(self, event: Mapping[str, Any]) -> Case | None:
        key = key_of(event)
        return self.cases.get(key) or self._merged.get(key)

    def _queued(self, event: Mapping[str, Any], at: float) -> None:
        card = event["card"]
        key = key_of({**event, "emergency": card["emergency"]})
        aside = self._merged.pop(key, None)
        if aside is None:
            aside = Case(key, card["emergency"], card["priority"], card["raised_at"], since=at)
            aside.wish = (event.get("wish") or {}).get("unit")
        elif aside.phase == "waiting":
            aside.since = at
        self.cases[key] = aside
        self._updated(card, at)

    def _updated(self, card: Mapping[str, Any], at: float) -> None:
        for case in self.cases.values():
            if case.emergency == card["emergency"]:
                case.carded(card, at)

    def _removed(self, event: Mapping[str, Any], at: float) -> None:
        merged = event.get("reason") == "merged"
        for cases in (self.cases, self._merged):
            gone = [case for case in cases.values() if case.emergency == event["emergency"]]
            for case in gone:
                del cases[case.key]
                if merged and case.phase != "done":
                    case.wish = case.retry_at = case.deferred_until = None
                    case.recalled = case.task
                    if event.get("card"):
                        case.carded(event["card"], at)
                    self._merged[case.key] = case

    def _unit(self, unit: Mapping[str, Any], at: float) -> None:
        # An export says whether, not where.
        located = unit.get("located", unit.get("position") is not None)
        known = self.units.get(unit["unit"])
        free = bool(unit["free"]) and located
        since = known.since if known is not None and known.free and free else at
        self.units[unit["unit"]] = Unit(
            unit["unit"], free, tuple(unit["skills"]), unit.get("vehicle", ""), since
        )

    def _closed(self, case: Case | None, event: Mapping[str, Any], at: float) -> None:
        if case is None or case.task != event["task"]:
            return
        if event["outcome"] == "accepted":
            case.engaged()
            return
        # Nobody was asked, or the desk has taken the offer back: that is no refusal.
        by_desk = event["outcome"] == "withdrawn" and (
            case.held or case.wish is not None or case.recalled == event["task"]
        )
        case.waits(at)
        if event["outcome"] != "unavailable" and not by_desk:
            case.refused_by.add(event["unit"])

    def _taken_over(self, event: Mapping[str, Any], at: float) -> None:
        left = self._case({"emergency": event["from_emergency"], "slot": event["from_slot"]})
        if left is not None and left.task == event["from_task"]:
            left.waits(at)
            left.preempted += 1
            self._unreserve(event["unit"], event["from_task"], at)
        case = self._case(event)
        if event["accepted"]:
            self._unreserve(event["unit"], event["task"], at)
            if case is not None and case.task == event["task"]:
                case.engaged()

    def _still_asked(self, unit: str, task: str) -> None:
        """It did not leave for `task`, so what it was asked for before stands."""
        for case in (*self.cases.values(), *self._merged.values()):
            asked = case.phase == "offered" and case.unit == unit and case.task != task
            if asked and case.task is not None:
                self.reserved.setdefault(unit, case.task)

    def _unreserve(self, unit: str, task: str, at: float) -> None:
        if self.reserved.get(unit) == task:
            del self.reserved[unit]
            self._freed_at[unit] = at

    # -- what follows

    def waiting(self, now: float) -> list[Case]:
        """What an offer could have been made for: not what a human holds, nor what the policy
        keeps for a certain unit that is busy."""
        return [
            case
            for case in self.cases.values()
            if case.phase == "waiting"
            and not case.held
            and (case.deferred_until is None or case.deferred_until <= now)
        ]

    def free(self, unit: Unit) -> bool:
        """Whether it can be asked: free, seen somewhere, and without an offer open."""
        return unit.free and unit.unit not in self.reserved

    def free_since(self, unit: Unit) -> float:
        return max(unit.since, self._freed_at.get(unit.unit, 0.0))


def key_of(event: Mapping[str, Any]) -> str:
    """The case that an event is of."""
    slot = event.get("slot", PRIMARY)
    emergency = str(event.get("emergency"))
    return emergency if slot == PRIMARY else f"{emergency}#{slot}"
