"""A unit is registered, goes on and off duty, and retires."""

from __future__ import annotations

from actors.domain.messages.to_dispatcher import UnitChanged
from actors.domain.messages.to_paramedic import OfferTask
from actors.domain.paramedic.commands import (
    AcceptTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    ListTasks,
    RegisterParamedic,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
    ViewParamedic,
)
from actors.domain.values import Position
from tests.unit.actors.domain.cast import ADMIN, CENTRE, SYSTEM, crew, patient, register
from tests.unit.actors.domain.paramedic.unit import ME, U, a_task, offer, said
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, REGION, START, World

HERE = Position(CENTRE.lat, CENTRE.lon, START)


def test_staff_register_a_unit_that_is_off_duty_and_its_dispatcher_hears_of_it() -> None:
    world = World()
    register(world, "u", ("rescue", "als", "als"))
    unit = world.unit("u")
    assert (unit.status, unit.skills) == ("off_duty", ("als", "rescue"))
    (message,) = world.bus
    assert (message.to, message.command) == (DISPATCHER, UnitChanged(unit=unit.unit_status()))


def test_a_unit_cannot_register_itself_nor_twice() -> None:
    world = World()
    command = RegisterParamedic(name="U", region=REGION, skills=(), vehicle="van")
    with refused("forbidden"):
        world.ask(U, command, ME)
    world.ask(U, command, ADMIN)
    with refused("impossible_transition", "GoOnDuty", "RetireParamedic"):
        world.ask(U, command, ADMIN)


def test_who_never_registered_is_not_found_and_takes_no_offers() -> None:
    world = World()
    for command in (ViewParamedic(), GoOnDuty(position=HERE)):
        with refused("not_found", "RegisterParamedic"):
            world.ask(U, command, OPS)
    assert world.ask(U, OfferTask(task=a_task()), SYSTEM).events == ()


def test_a_shift_with_a_break(world: World) -> None:
    for command, status in (
        (TakeBreak(), "on_break"),
        (EndBreak(), "available"),
        (GoOffDuty(), "off_duty"),
        (GoOnDuty(position=HERE), "available"),
    ):
        world.ask(U, command, ME)
        assert world.unit("u").status == status
    assert [m.unit.free for m in said(world, UnitChanged)] == [False, True, False, True]


def test_what_is_impossible_says_what_is_possible(world: World) -> None:
    with refused("impossible_transition", "GoOffDuty", "TakeBreak"):
        world.ask(U, GoOnDuty(position=HERE), ME)
    with refused("impossible_transition", "TakeBreak"):
        world.ask(U, EndBreak(), ME)
    with refused("impossible_transition", "GoOffDuty"):
        world.ask(U, RetireParamedic(), ADMIN)


def test_another_crew_may_not_speak_for_it(world: World) -> None:
    for who in (crew("other"), patient()):
        for command in (GoOffDuty(), ViewParamedic(), ListTasks(), AcceptTask(task="t")):
            with refused("forbidden"):
                world.ask(U, command, who)


def test_staff_may_not_accept_for_a_crew(world: World) -> None:
    offer(world, a_task())
    with refused("forbidden"):
        world.ask(U, AcceptTask(task="t"), ADMIN)


def test_an_update_keeps_what_it_does_not_name(world: World) -> None:
    world.ask(U, UpdateParamedic(skills=("bls",)), ADMIN)
    unit = world.unit("u")
    assert (unit.name, unit.skills, unit.vehicle) == ("U", ("bls",), "van")
    assert [m.unit.skills for m in said(world, UnitChanged)] == [("bls",)]


def test_a_unit_changes_its_region_only_off_duty_and_both_dispatchers_hear_of_it(
    world: World,
) -> None:
    with refused("impossible_transition", "GoOffDuty"):
        world.ask(U, UpdateParamedic(region="south"), ADMIN)
    world.ask(U, GoOffDuty(), ME)
    world.bus.clear()
    world.ask(U, UpdateParamedic(region="south"), ADMIN)
    assert [str(m.to) for m in world.bus] == ["dispatcher:north", "dispatcher:south"]


def test_who_retired_never_comes_back(world: World) -> None:
    world.ask(U, GoOffDuty(), ME)
    world.ask(U, RetireParamedic(), ADMIN)
    with refused("impossible_transition"):
        world.ask(U, GoOnDuty(position=HERE), ME)
    assert said(world, UnitChanged)[-1].unit.status == "retired"
