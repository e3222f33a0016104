"""State machines as tables: what may happen in which state, as data.

A table maps (state, trigger) to the next state. A trigger is a command's name, with the step
behind a colon where one command moves through several states (`ProgressTask:on_scene`).
Diagrams are drawn from the same table (diagrams.py), so they cannot disagree with the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.domain.kernel import DomainError

# The state before the first event. Drawn as the initial pseudostate.
NEW = "new"


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind's table. `groups` names composite states, for drawing only."""

    name: str
    table: Mapping[tuple[str, str], str]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def can(self, state: str, trigger: str) -> bool:
        return (state, trigger) in self.table

    def allowed(self, state: str) -> tuple[str, ...]:
        """The triggers that are possible in a state, in the table's order."""
        return tuple(trigger for at, trigger in self.table if at == state)

    def next(self, state: str, trigger: str) -> str:
        """The state a trigger leads to. Raises DomainError `impossible_transition`."""
        try:
            return self.table[state, trigger]
        except KeyError:
            allowed = self.allowed(state)
            possible = f"possible are {', '.join(allowed)}" if allowed else "nothing is any more"
            raise DomainError(
                "impossible_transition",
                f"{trigger} is not possible while the {self.name} is {state}; {possible}",
                allowed,
            ) from None

    def steps(self, command: str) -> Mapping[tuple[str, str], str]:
        """Of a command that moves through several states: (state, step) -> the next state.

        For who asks at each message, and would put a trigger's name together each time.
        """
        return {
            (state, trigger.removeprefix(f"{command}:")): target
            for (state, trigger), target in self.table.items()
            if trigger.startswith(f"{command}:")
        }

    def states(self) -> tuple[str, ...]:
        """Every state, in order of first mention."""
        seen: dict[str, None] = {}
        for (state, _), target in self.table.items():
            seen[state] = seen[target] = None
        return tuple(seen)

    def terminal(self) -> frozenset[str]:
        """The states that nothing leads out of."""
        return frozenset(self.states()) - {state for state, _ in self.table}

    def mermaid(self) -> str:
        """The table as a Mermaid stateDiagram-v2, one arrow between any two states."""
        arrows: dict[tuple[str, str], list[str]] = {}
        for (state, trigger), target in self.table.items():
            arrows.setdefault((state, target), []).append(trigger.replace(":", " "))
        lines = ["stateDiagram-v2"]
        for group, members in self.groups.items():
            lines += [f"    state {group} {{", *(f"        {m}" for m in members), "    }"]
        for (state, target), triggers in arrows.items():
            origin = "[*]" if state == NEW else state
            lines.append(f"    {origin} --> {target} : {', '.join(triggers)}")
        terminal = self.terminal()
        lines += [f"    {state} --> [*]" for state in self.states() if state in terminal]
        return "\n".join(lines) + "\n"
