"""What a replay can be refused for."""

from __future__ import annotations


class ReplayError(Exception):
    """Anything that keeps a replay from starting or going on; the message is for its user."""


class TargetRefused(ReplayError):
    """There is nothing to play against, or it does not let us in."""


class DoorRefused(ReplayError):
    """The REST API answered a request with a refusal that a retry would not change."""

    def __init__(self, method: str, path: str, status: int, problem: str) -> None:
        super().__init__(f"{method} {path}: {status} {problem}")
        self.status = status
