"""What the desk orders in the tests."""

from __future__ import annotations

from typing import Any

from actors.domain.emergency.commands import (
    HoldEmergency,
    OrderUnits,
    ReleaseEmergency,
    StageEmergency,
)
from tests.unit.actors.domain.cast import emergency_ref, engaged, north_of_centre
from tests.unit.actors.domain.world import World

HOLD = HoldEmergency(reason="police first")
RELEASE = ReleaseEmergency(ends="hold", reason="go")
STAGE = StageEmergency(location=north_of_centre(2), reason="a knife")
GO_AHEAD = ReleaseEmergency(ends="staging", reason="police is there")


def order(world: World, command: Any, emergency: str = "e") -> None:
    world.ask(emergency_ref(emergency), command)
    world.settle()


def bus_crash(world: World, more: int = 1) -> None:
    """An emergency with a primary unit, `a`, on its way, and further ones ordered."""
    engaged(world, "a")
    order(world, OrderUnits(count=more, reason="a bus"))
