"""What a dispatcher is told late, twice or in another order."""

from __future__ import annotations

from actors.domain.dispatcher.apply_cards import TOMBSTONES
from actors.domain.dispatcher.events import EmergencyQueued
from actors.domain.emergency.commands import CancelEmergency
from actors.domain.kernel import EntityRef
from actors.domain.messages.to_dispatcher import (
    EmergencyChanged,
    OfferAnswered,
    RemoveEmergency,
    TaskEnded,
    UnitChanged,
)
from actors.domain.paramedic.commands import (
    GoOffDuty,
    HandBackTask,
    RetireParamedic,
    UpdateParamedic,
)
from tests.unit.actors.domain.cast import (
    ADMIN,
    SYSTEM,
    accept,
    asked,
    asked_among,
    crew,
    emergency_ref,
    engaged,
    offers,
    on_duty,
    only_task,
    patient,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, World


def test_news_of_a_unit_older_than_what_is_known_is_ignored(world: World) -> None:
    on_duty(world, "u")
    stale = next(m.command for m in world.bus if isinstance(m.command, UnitChanged))
    world.settle()
    assert world.ask(DISPATCHER, stale, SYSTEM).events == ()
    assert world.dispatcher.units["u"].free


def test_a_unit_that_retired_or_moved_is_forgotten(world: World) -> None:
    for unit in ("u", "v"):
        on_duty(world, unit)
        world.ask(unit_ref(unit), GoOffDuty(), crew(unit))
    world.ask(unit_ref("u"), RetireParamedic(), ADMIN)
    world.ask(unit_ref("v"), UpdateParamedic(region="south"), ADMIN)
    world.settle()
    assert world.dispatcher.units == {}
    assert set(world.state(EntityRef("dispatcher", "south")).units) == {"v"}


def test_an_answer_that_is_repeated_changes_nothing(world: World) -> None:
    asked(world)
    accept(world, "u")
    (answer,) = [m.command for m in world.bus if isinstance(m.command, OfferAnswered)]
    world.settle()
    assert world.ask(DISPATCHER, answer, SYSTEM).events == ()


def test_the_end_of_an_earlier_crews_task_does_not_end_the_later_ones(world: World) -> None:
    asked_among(world, u=1, v=2)
    accept(world, "u")
    world.settle()
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    (end,) = [m.command for m in world.bus if isinstance(m.command, TaskEnded)]
    world.settle()
    accept(world, "v")
    world.settle()
    assert world.ask(DISPATCHER, end, SYSTEM).events == ()
    assert world.dispatcher.cases["e"].unit == "v"


def test_the_end_of_a_task_may_overtake_the_word_that_it_was_accepted(world: World) -> None:
    asked_among(world, u=1, v=2)
    accept(world, "u")
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    world.bus.reverse()
    world.settle()
    assert offers(world) == [("e", "u"), ("e", "v")]
    assert set(world.dispatcher.reserved) == {"v"}
    world.check_nothing_lost()


def test_late_news_of_an_emergency_with_a_crew_does_not_queue_it(world: World) -> None:
    engaged(world)
    news = EmergencyChanged(card=world.emergency("e").card())
    elsewhere = EntityRef("dispatcher", "south")
    assert world.ask(elsewhere, news, SYSTEM).events == ()


def test_an_emergency_overtaken_by_its_end_is_never_queued(world: World) -> None:
    raise_emergency(world, "e")
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    world.bus.reverse()
    world.settle()
    assert not world.events(DISPATCHER, EmergencyQueued)
    world.check_nothing_lost()


def test_a_forgotten_end_is_put_right_by_the_emergency(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    raised = world.bus[-1]
    world.settle()
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    world.settle()
    for n in range(TOMBSTONES):
        world.ask(DISPATCHER, RemoveEmergency(emergency=f"other{n}", reason="closed"), SYSTEM)
    world.ask(DISPATCHER, raised.command, SYSTEM)
    world.settle()
    accept(world, "u")
    world.settle()
    assert world.unit("u").status == "available"
    world.check_nothing_lost()
