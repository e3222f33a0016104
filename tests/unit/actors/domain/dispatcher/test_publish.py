"""What is seen of a dispatcher, and by whom."""

from __future__ import annotations

from typing import Any

from actors.domain.dispatcher.commands import ViewDispatcher
from actors.domain.views.dispatcher import DispatcherView
from tests.unit.actors.domain.cast import (
    ADMIN,
    accept,
    asked,
    crew,
    on_duty,
    patient,
    progress,
    raise_emergency,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, World


def test_only_staff_look_and_only_entities_speak(world: World) -> None:
    raise_emergency(world, "e")
    message = world.bus[0].command
    for who in (patient(), crew("u"), OPS, ADMIN):
        with refused("forbidden"):
            world.ask(DISPATCHER, message, who)
    for who in (patient(), crew("u")):
        with refused("forbidden"):
            world.ask(DISPATCHER, ViewDispatcher(), who)


def test_the_view_shows_cases_in_the_order_they_are_served(world: World) -> None:
    on_duty(world, "u")
    for id_, priority in (("low", 3), ("high", 1)):
        raise_emergency(world, id_, priority)
    world.settle()
    view = world.ask(DISPATCHER, ViewDispatcher(), OPS).answer
    assert isinstance(view, DispatcherView)
    assert [(case.emergency, case.phase) for case in view.cases] == [
        ("high", "waiting"),
        ("low", "offered"),
    ]
    assert [(unit.unit, unit.free) for unit in view.units] == [("u", False)]


def test_ops_sees_each_event_without_health_data(world: World) -> None:
    asked(world)
    accept(world, "u")
    progress(world, "u", "en_route")
    updates: list[Any] = [p.data for p in world.publications if p.channel == "ops:north"]
    assert len(updates) == len(world.journal[DISPATCHER])
    assert {"UnitUpdated", "EmergencyQueued", "OfferMade", "OfferClosed", "EmergencyUpdated"} == {
        update.event for update in updates
    }
    assert (updates[-1].emergency, updates[-1].case.status) == ("e", "en_route")
    assert (updates[-1].engaged, updates[-1].waiting, updates[-1].units_free) == (1, 0, 0)
    assert "chest" not in repr(updates)
