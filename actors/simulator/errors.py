"""What a run can come to besides its end."""

from __future__ import annotations


class SimulationStuck(Exception):
    """Nothing is going to happen any more, and a policy has left calls without a unit."""

    def __init__(self, policy: str, waiting: int) -> None:
        super().__init__(f"the policy {policy} leaves {waiting} calls without a unit for ever")
        self.policy = policy
        self.waiting = waiting
