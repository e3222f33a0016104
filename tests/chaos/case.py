"""Parts of a region: a unit that is wanted, a unit that there is, and whether the one can be the
other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

# An advanced crew does all that a basic one does.
_IMPLIED = {"bls": "als"}


@dataclass(slots=True)
class Unit:
    """A unit. `free`: on duty, without a task, and seen somewhere; `since` when it is that."""

    unit: str
    free: bool
    skills: tuple[str, ...]
    vehicle: str
    since: float


@dataclass(slots=True)
class Case:
    """One unit that is wanted for an emergency. `since`: when it last began to wait, or to be
    offered as it is now.

    `needs`: triage leaves none without, so where there are none they were erased with the patient,
    and nobody knows who suits. `wish`: the one unit that a human said is to go. `recalled`: the
    task that was out for it when its emergency was merged into another: its end is no refusal.
    `preempted`: how often a unit was taken from it for another.
    """

    key: str
    emergency: str
    priority: int
    raised_at: float
    needs: tuple[str, ...] = ()
    vehicles: tuple[str, ...] = ()
    since: float = 0.0
    phase: str = "waiting"
    task: str | None = None
    unit: str | None = None
    expires_at: float | None = None
    retry_at: float | None = None
    deferred_until: float | None = None
    wish: str | None = None
    held: bool = False
    recalled: str | None = None
    preempted: int = 0
    refused_by: set[str] = field(default_factory=set)

    def carded(self, card: Mapping[str, Any], at: float) -> None:
        """A newer card of its emergency."""
        held = bool(card.get("held"))
        if self.held and not held:
            self.since = at
        self.priority, self.held = card["priority"], held
        self.needs, self.vehicles = tuple(card["needs"]), tuple(card.get("vehicles", ()))

    def offered(self, unit: str, task: str, expires_at: float) -> None:
        self.phase, self.unit, self.task, self.expires_at = "offered", unit, task, expires_at
        self.retry_at = self.deferred_until = self.wish = None

    def engaged(self) -> None:
        self.phase, self.expires_at, self.wish, self.refused_by = "engaged", None, None, set()

    def waits(self, at: float) -> None:
        self.phase, self.unit, self.task, self.expires_at = "waiting", None, None, None
        self.since, self.recalled = at, None


def suits(unit: Unit, case: Case) -> bool:
    """Whether it is known that this unit could be sent."""
    if case.wish is not None and case.wish != unit.unit:
        return False
    if case.vehicles and unit.vehicle not in case.vehicles:
        return False
    return bool(case.needs) and all(_has(unit.skills, need) for need in case.needs)


def _has(skills: Collection[str], need: str) -> bool:
    return need in skills or _IMPLIED.get(need) in skills
