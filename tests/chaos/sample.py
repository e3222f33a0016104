"""Small journals for the checker's own tests. Ways to spoil them: spoil.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.journal import Audit, Claim, End, Entity, Event, Line
from tests.chaos.ledger import Acknowledged

NOW = 1000.0


class Writer:
    """Writes events as entities do: versions and seq count up, each call is one command."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._versions: dict[str, int] = {}
        self._at = 0.0

    def at(self, seconds: float) -> Writer:
        self._at = seconds
        return self

    def write(self, ref: str, *events: Mapping[str, Any]) -> Writer:
        command = f"c{len(self.lines) + 1}"
        for event in events:
            version = self._versions[ref] = self._versions.get(ref, 0) + 1
            seq = len(self.lines) + 1
            self.lines.append(Event(seq, ref, version, self._at, command, event))
        return self

    # -- what entities say

    def raised(self, emergency: str) -> Writer:
        return self.write(f"emergency:{emergency}", {"type": "EmergencyRaised"})

    def queued(self, emergency: str, priority: int, *needs: str) -> Writer:
        card = {"emergency": emergency, "priority": priority, "raised_at": self._at}
        return self.write(
            "dispatcher:city",
            {"type": "EmergencyQueued", "card": {**card, "needs": list(needs) or ["bls"]}},
        )

    def unit(self, unit: str, *skills: str, free: bool = True) -> Writer:
        said = {"unit": unit, "free": free, "located": True, "skills": list(skills) or ["bls"]}
        return self.write("dispatcher:city", {"type": "UnitUpdated", "unit": said})

    def offers(self, *offers: tuple[str, str, str]) -> Writer:
        """Emergency, unit, task of each, all by one command."""
        return self.write(
            "dispatcher:city", *(made(emergency, unit, task) for emergency, unit, task in offers)
        )

    def offered(self, unit: str, task: str, emergency: str, slot: int = 1) -> Writer:
        said = {"id": task, "emergency": emergency, "slot": slot}
        return self.write(f"paramedic:{unit}", {"type": "TaskOffered", "task": said})

    def accepted(self, unit: str, task: str) -> Writer:
        return self.write(f"paramedic:{unit}", {"type": "TaskAccepted", "task": task})

    def completed(self, unit: str, task: str) -> Writer:
        return self.write(f"paramedic:{unit}", {"type": "TaskCompleted", "task": task})

    def answered(self, emergency: str, unit: str, task: str, outcome: str) -> Writer:
        return self.write("dispatcher:city", closed(emergency, unit, task, outcome))

    def taken(self, unit: str, left: str, old: str, emergency: str, task: str) -> Writer:
        """The unit was asked for one emergency (`old`), and now is for the other."""
        word = {"from_emergency": left, "from_slot": 1, "from_task": old, "slot": 1}
        self.write("dispatcher:city", {**made(emergency, unit, task), "diverts": left})
        over = {"type": "UnitTakenOver", "unit": unit, "emergency": emergency, "task": task}
        return self.write("dispatcher:city", {**over, **word, "accepted": False})

    def removed(self, emergency: str) -> Writer:
        return self.write("dispatcher:city", {"type": "EmergencyRemoved", "emergency": emergency})

    def ended(self, emergency: str) -> Writer:
        return self.write(f"emergency:{emergency}", {"type": "EmergencyClosed"})

    def all(self, *claims: Claim) -> list[Line]:
        """With what follows the events."""
        rows = [Entity(ref, version) for ref, version in self._versions.items()]
        audit = [Audit("w", 1, "", "a"), Audit("w", 2, "a", "b")]
        return [*self.lines, *rows, *claims, *audit, End(len(self.lines), NOW, 0)]


def made(emergency: str, unit: str, task: str) -> dict[str, Any]:
    return {
        "type": "OfferMade",
        "emergency": emergency,
        "unit": unit,
        "task": task,
        "expires_at": NOW,
    }


def closed(emergency: str, unit: str, task: str, outcome: str) -> dict[str, Any]:
    return {
        "type": "OfferClosed",
        "emergency": emergency,
        "unit": unit,
        "task": task,
        "outcome": outcome,
    }


def whole() -> list[Line]:
    """e1 was treated by A; e2 is with A now, which was taken from it for e5 when first asked, until
    e5 was called off; e3, which needs als, waits for a unit that has it."""
    writer = Writer()
    writer.unit("A").unit("B").unit("B", free=False).raised("e1").queued("e1", 2)
    writer.offers(("e1", "A", "t1")).offered("A", "t1", "e1").accepted("A", "t1")
    writer.answered("e1", "A", "t1", "accepted").unit("A", free=False)
    writer.completed("A", "t1").ended("e1").removed("e1").unit("A")
    writer.raised("e2").queued("e2", 3).raised("e3").queued("e3", 1, "als")
    writer.offers(("e2", "A", "t8")).raised("e5").queued("e5", 1)
    writer.taken("A", "e2", "t8", "e5", "t9").answered("e5", "A", "t9", "withdrawn")
    writer.removed("e5").ended("e5")
    writer.offers(("e2", "A", "t2")).offered("A", "t2", "e2").accepted("A", "t2")
    writer.answered("e2", "A", "t2", "accepted").unit("A", free=False)
    return writer.all(Claim("live-task:paramedic:A", "t2"), Claim("live-task:emergency:e2", "t2"))


def two_waiting() -> Writer:
    """e1 of class 1 and e2 of class 3 wait, nobody is free."""
    return Writer().raised("e1").queued("e1", 1).raised("e2").queued("e2", 3)


def ledger() -> list[Acknowledged]:
    """The callers of e1 to e3, by the commands that raised them."""
    return [
        Acknowledged(line.ref, line.command, f"raise {line.id}")
        for line in whole()
        if isinstance(line, Event) and line.type == "EmergencyRaised"
    ]
