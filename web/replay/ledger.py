"""What a replay saw from outside: who was on which emergency when, and what came of each call.

Kept from what the units' sockets carried, not from what was meant. Two crews live on one emergency
at the same time is a double assignment; an acknowledged emergency that never ended is a lost one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.views.paramedic import DeviceUpdate

ENDED: Final = ("closed", "cancelled")
_BEGINS: Final = "TaskAccepted"
_DIVERTS: Final = "TaskDiverted"
_ASKS: Final = frozenset({"TaskOffered", _DIVERTS})
_ENDS: Final = frozenset({"TaskCompleted", "TaskHandedBack", "TaskWithdrawn"})


class Engagement(Struct, frozen=True, kw_only=True):
    """A crew live on an emergency in [began_at, ended_at), epoch seconds; None: it still is."""

    emergency: str
    unit: str
    task: str
    began_at: float
    ended_at: float | None = None

    def overlaps(self, other: Engagement) -> bool:
        return (other.ended_at is None or self.began_at < other.ended_at) and (
            self.ended_at is None or other.began_at < self.ended_at
        )


class Outcome(Struct, frozen=True, kw_only=True):
    """How the service itself says an emergency stands. Times are epoch seconds."""

    emergency: str
    status: str
    priority: int
    unit: str | None
    raised_at: float
    assigned_at: float | None = None
    on_scene_at: float | None = None


class Verdict(Struct, frozen=True, kw_only=True):
    """Emergencies by what was found of them."""

    acknowledged: int
    assigned: int
    lost: tuple[str, ...]
    double: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not self.lost and not self.double


class Ledger:
    """`acknowledged`: call -> emergency. `offered`: call -> its emergencies seen on devices."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, str] = {}
        self.posted_at: dict[str, float] = {}
        self.framed_at: dict[str, float] = {}
        self.offered: defaultdict[str, set[str]] = defaultdict(set)
        self.outcomes: dict[str, Outcome] = {}
        self.engagements: dict[str, Engagement] = {}
        self._seen: dict[str, int] = {}

    # -- what is done and heard

    def posted(self, call: str, at: float) -> None:
        """A call's request leaves for the first time."""
        self.posted_at.setdefault(call, at)

    def acknowledge(self, call: str, emergency: str) -> None:
        """The service has answered that it has it."""
        self.acknowledged[call] = emergency

    def heard(
        self, unit: str, offset: int, update: DeviceUpdate, at: float, call: str | None, now: float
    ) -> None:
        """A fact on a unit's channel, of `at` (service's clock), received `now` (ours). `call`:
        which of our calls its task is for."""
        if offset <= self._seen.get(unit, 0):
            return
        self._seen[unit] = offset
        task = update.task
        if task is None:
            return
        if update.given_up is not None:
            self._end(update.given_up, at)  # diverted: the other task goes with the same fact
        if call is not None and update.event in _ASKS:
            self.framed_at.setdefault(call, now)
            self.offered[call].add(task.emergency)
        # A crew that was on its way is diverted without being asked.
        if update.event == _BEGINS or (update.event == _DIVERTS and task.step != "pending"):
            self.engagements[task.id] = Engagement(
                emergency=task.emergency, unit=unit, task=task.id, began_at=at
            )
        elif update.event in _ENDS:
            self._end(task.id, at)

    def caught_up(self, unit: str, live: Iterable[str], at: float) -> None:
        """After a gap: these are the unit's tasks now, the others ended unheard."""
        kept = set(live)
        for engagement in list(self.engagements.values()):
            open_ = engagement.unit == unit and engagement.ended_at is None
            if open_ and engagement.task not in kept:
                self._end(engagement.task, at)

    def _end(self, task: str, at: float) -> None:
        known = self.engagements.get(task)
        if known is not None and known.ended_at is None:
            self.engagements[task] = replace(known, ended_at=at)

    def conclude(self, outcome: Outcome) -> None:
        """How an emergency stands when all is over."""
        self.outcomes[outcome.emergency] = outcome

    # -- what follows from it

    def busy(self) -> int:
        """Units with a live task now."""
        return sum(one.ended_at is None for one in self.engagements.values())

    def latencies_s(self, waited: Mapping[str, object] | set[str]) -> list[float]:
        """Real seconds from POST to the first frame on a device, of calls that had not to wait."""
        return sorted(
            self.framed_at[call] - posted_at
            for call, posted_at in self.posted_at.items()
            if call in self.framed_at and self.acknowledged.get(call) not in waited
        )

    def verdict(self) -> Verdict:
        """What became of what was acknowledged."""
        ours = set(self.acknowledged.values())
        stands = {emergency: self.outcomes.get(emergency) for emergency in ours}
        return Verdict(
            acknowledged=len(self.acknowledged),
            assigned=sum(o is not None and o.assigned_at is not None for o in stands.values()),
            lost=tuple(sorted(e for e, o in stands.items() if o is None or o.status not in ENDED)),
            double=tuple(sorted(self._overlapping(ours) | self._twice() | self._other_crew())),
        )

    def _overlapping(self, ours: set[str]) -> set[str]:
        of: defaultdict[str, list[Engagement]] = defaultdict(list)
        for engagement in self.engagements.values():
            if engagement.emergency in ours:
                of[engagement.emergency].append(engagement)
        return {
            emergency
            for emergency, crews in of.items()
            if any(a.overlaps(b) for n, a in enumerate(crews) for b in crews[n + 1 :])
        }

    def _twice(self) -> set[str]:
        """One call that became two emergencies, or two calls that became one."""
        owner: dict[str, str] = {}
        found: set[str] = set()
        for call, emergency in self.acknowledged.items():
            if self.offered.get(call, set()) - {emergency}:
                found.add(emergency)
            if owner.setdefault(emergency, call) != call:
                found.add(emergency)
        return found

    def _other_crew(self) -> set[str]:
        """Those of which the service names a crew while another one's socket says it has them."""
        return {
            engagement.emergency
            for engagement in self.engagements.values()
            if engagement.ended_at is None
            and (outcome := self.outcomes.get(engagement.emergency)) is not None
            and outcome.status not in ENDED
            and outcome.unit is not None
            and outcome.unit != engagement.unit
        }


def percentile(values: list[float], rank: int) -> float | None:
    """The nearest-rank percentile of sorted values; None of none."""
    if not values:
        return None
    return values[max(0, -(-len(values) * rank // 100) - 1)]
