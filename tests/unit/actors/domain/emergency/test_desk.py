"""The orders of the desk, whatever they are about."""

from __future__ import annotations

from typing import Any

from actors.domain.emergency.commands import MergeEmergency, OrderUnits, StandDownUnit
from actors.domain.emergency.events import EmergencyRaised, PrimaryFollowed
from tests.unit.actors.domain.cast import emergency_ref, raise_emergency
from tests.unit.actors.domain.emergency.desk import GO_AHEAD, HOLD, RELEASE, STAGE, order
from tests.unit.actors.domain.world import OPS, World


def test_each_order_is_kept_with_who_gave_it_and_why(world: World) -> None:
    raise_emergency(world, "e")
    raise_emergency(world, "other")
    orders: tuple[Any, ...] = (
        HOLD,
        RELEASE,
        STAGE,
        GO_AHEAD,
        OrderUnits(count=1, reason="a bus"),
        StandDownUnit(slot=2, reason="one is enough"),
        MergeEmergency(into="other", reason="two callers"),
    )
    for command in orders:
        order(world, command)
    kept: list[Any] = [
        getattr(event, "held", None) or getattr(event, "staged", None) or event
        for event in world.journal[emergency_ref("e")]
        if not isinstance(event, EmergencyRaised | PrimaryFollowed)
    ]
    assert [(one.subject, one.reason) for one in kept] == [
        (OPS.subject, command.reason) for command in orders
    ]
