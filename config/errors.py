"""What settings can be refused for."""

from __future__ import annotations

from msgspec import Struct


class Problem(Struct, frozen=True):
    """One refused setting: the name as it was given (variable, TOML key or option), and why.

    `why` never quotes the value: it may be a secret in the wrong place.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


class SettingsError(Exception):
    """Some settings were refused; `problems` names every one of them, not just the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
