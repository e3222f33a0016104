"""Rules `one-live-task`, `one-primary-unit` and `claims`: who was on which emergency when.

Read off the paramedics' own events, for they alone decide whether a crew has taken a task on. By
`seq` a crew's end comes before the next one's beginning, whatever clocks say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.journal import Claim, End, Event, Line
from tests.chaos.rule import Violation

ENDS = frozenset(
    {"TaskCompleted", "TaskHandedBack", "TaskWithdrawn", "TaskDeclined", "TaskExpired"}
)
PRIMARY = 1


@dataclass(frozen=True, slots=True)
class Crew:
    """A task that a unit has been offered. `slot`: its place among the units that its emergency
    is to have; the first is the primary one, any other was ordered on top."""

    unit: str
    task: str
    emergency: str
    slot: int

    @property
    def place(self) -> str:
        """One crew at a time is in each."""
        return self.emergency if self.slot == PRIMARY else f"{self.emergency}#{self.slot}"


@dataclass(frozen=True, slots=True)
class Change:
    """What an event did to its unit's live tasks."""

    began: Crew | None = None
    ended: Crew | None = None


class Crews:
    """All units' tasks, by id: `offered` ones and `live` ones."""

    def __init__(self) -> None:
        self.offered: dict[str, Crew] = {}
        self.live: dict[str, Crew] = {}

    def follow(self, line: Event) -> Change:
        """What a paramedic's event changed."""
        task: Any = line.event.get("task")
        if line.type == "TaskOffered":
            self._offer(line.id, task)
        elif line.type == "TaskAccepted" and task in self.offered:
            crew = self.live[task] = self.offered.pop(task)
            return Change(began=crew)
        elif line.type == "TaskDiverted":
            return self._diverted(line, task)
        elif line.type in ENDS:
            self.offered.pop(task, None)
            return Change(ended=self.live.pop(task, None))
        return Change()

    def _offer(self, unit: str, task: Any) -> Crew:
        crew = Crew(unit, task["id"], task["emergency"], task.get("slot", PRIMARY))
        self.offered[crew.task] = crew
        return crew

    def _diverted(self, line: Event, task: Any) -> Change:
        """One event: the old task is gone, the new one is as far as its step says."""
        old = line.event["from_task"]
        self.offered.pop(old, None)
        ended = self.live.pop(old, None)
        crew = self._offer(line.id, task)
        if task["step"] == "pending":
            return Change(ended=ended)
        self.live[crew.task] = self.offered.pop(crew.task)
        return Change(began=crew, ended=ended)


class OneLiveTask:
    """Also that only what was offered is accepted, and only what is live is completed."""

    name = "one-live-task"
    holds = "no unit has two live tasks at any moment"

    def __init__(self) -> None:
        self.checked = 0
        self._crews = Crews()
        self._live: dict[str, set[str]] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        if not isinstance(line, Event) or line.kind != "paramedic":
            return
        change = self._crews.follow(line)
        live = self._live.setdefault(line.id, set())
        said: str | None = None
        if change.ended is not None:
            live.discard(change.ended.task)
        elif line.type == "TaskCompleted":
            said = f"completed task {line.event['task']}, which was not live"
        if change.began is not None:
            self.checked += 1
            if live:
                said = f"began task {change.began.task} with {', '.join(sorted(live))} live"
            live.add(change.began.task)
        elif line.type == "TaskAccepted":
            said = f"accepted task {line.event['task']}, which was not offered"
        if said is not None:
            yield Violation(self.name, line.ref, line.version, line.at, said)


class OnePrimaryUnit:
    """Two crews at once in one place are one too many; the other places were ordered."""

    name = "one-primary-unit"
    holds = "no emergency has two primary units, nor two units in one ordered place"

    def __init__(self) -> None:
        self.checked = 0
        self._crews = Crews()
        self._in: dict[str, list[Crew]] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        if not isinstance(line, Event) or line.kind != "paramedic":
            return
        change = self._crews.follow(line)
        if change.ended is not None:
            self._in[change.ended.place].remove(change.ended)
            if not self._in[change.ended.place]:
                del self._in[change.ended.place]
        if change.began is None:
            return
        self.checked += 1
        crew = change.began
        others = self._in.setdefault(crew.place, [])
        if others:
            which = "as primary unit" if crew.slot == PRIMARY else f"in place {crew.slot}"
            other = others[-1]
            said = (
                f"{crew.unit} was sent {which} (task {crew.task}) while {other.unit} was "
                f"on it (task {other.task})"
            )
            yield Violation(self.name, f"emergency:{crew.emergency}", None, line.at, said)
        others.append(crew)


class Claims:
    """What PostgreSQL itself holds unique is what the journal says is live, at the end."""

    name = "claims"
    holds = "each live task holds its unit's and its emergency's claim, and nothing else does"

    def __init__(self) -> None:
        self.checked = 0
        self._crews = Crews()
        self._held: dict[str, str] = {}

    def take(self, line: Line) -> Iterator[Violation]:
        match line:
            case Event() if line.kind == "paramedic":
                self._crews.follow(line)
            case Claim(key=key, holder=holder) if key.startswith("live-task:"):
                self._held[key] = holder
            case End():
                yield from self._concluded()
            case _:
                pass

    def _concluded(self) -> Iterator[Violation]:
        due: dict[str, str] = {}
        for crew in self._crews.live.values():
            due[f"live-task:paramedic:{crew.unit}"] = crew.task
            due[f"live-task:emergency:{crew.place}"] = crew.task
        for key in sorted(due.keys() | self._held.keys()):
            self.checked += 1
            task, holder = due.get(key), self._held.get(key)
            if task == holder:
                continue
            said = (
                f"task {task} is live without it"
                if holder is None
                else f"held by {holder}, live is {task or 'nothing'}"
            )
            yield Violation(self.name, f"claim {key}", None, None, said)
