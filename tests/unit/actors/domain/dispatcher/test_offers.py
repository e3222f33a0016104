"""Offers: to the nearest free unit, to the next when one refuses, and at last to a human."""

from __future__ import annotations

from actors.domain.dispatcher.events import AllRefused, NoUnitFree, OpsAlerted, RoundRestarted
from actors.domain.dispatcher.projection import dispatcher_view
from actors.domain.paramedic.commands import AcceptTask, GoOffDuty, HandBackTask, TakeBreak
from actors.domain.timestamp import rfc3339
from tests.unit.actors.domain.cast import (
    accept,
    asked,
    asked_among,
    crew,
    decline,
    offers,
    on_duty,
    only_task,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, World


def test_the_nearest_free_unit_is_offered_the_emergency(world: World) -> None:
    on_duty(world, "far", 6)
    asked(world, "near")
    assert offers(world) == [("e", "near")]
    task = only_task(world, "near")
    assert (task.emergency, task.symptoms, task.priority) == ("e", ("chest tight",), 2)
    assert task.expires_at == world.now + 30


def test_from_raise_to_close_nothing_stays_behind(world: World) -> None:
    asked(world)
    accept(world, "u")
    progress(world, "u", "en_route", "on_scene", "transporting", "at_hospital", "completed")
    assert world.emergency("e").status == "closed"
    assert world.unit("u").status == "available"
    assert not world.dispatcher.cases and not world.dispatcher.reserved
    world.check_nothing_lost()
    world.check_replay()


def test_when_a_unit_comes_free_the_most_urgent_is_served_then_the_oldest(world: World) -> None:
    for id_, priority in (("old", 3), ("new", 3), ("urgent", 1)):
        raise_emergency(world, id_, priority)
        world.now += 1
    world.settle()
    on_duty(world, "u", skills=("als",))
    world.settle()
    for id_ in ("urgent", "old", "new"):
        assert only_task(world, "u").emergency == id_
        accept(world, "u")
        world.settle()
        progress(world, "u", "en_route", "on_scene", "completed")


def test_who_asked_during_an_outage_is_served_before_who_asked_after_it(world: World) -> None:
    raise_emergency(world, "after")
    raise_emergency(world, "during", received_at=world.now - 600)
    world.settle()
    first, second = dispatcher_view(world.dispatcher).cases
    assert (first.emergency, second.emergency) == ("during", "after")
    assert first.raised_at == rfc3339(world.now - 600)
    on_duty(world, "u")
    world.settle()
    task = only_task(world, "u")
    assert (task.emergency, task.raised_at) == ("during", world.now - 600)


def test_with_no_unit_free_ops_is_told_once_for_each_waiting_spell(world: World) -> None:
    raise_emergency(world, "e")
    world.settle()
    on_duty(world, "basic", skills=("bls",))
    world.settle()
    assert [e.reason for e in world.events(DISPATCHER, NoUnitFree)] == ["none_on_duty"]
    on_duty(world, "u")
    world.settle()
    accept(world, "u")
    world.settle()
    raise_emergency(world, "f")
    raise_emergency(world, "g", priority=3)
    world.settle()
    assert [(e.emergency, e.reason) for e in world.events(DISPATCHER, NoUnitFree)] == [
        ("e", "none_on_duty"),
        ("f", "all_busy"),
    ]
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    world.ask(unit_ref("u"), TakeBreak(), crew("u"))
    world.settle()
    spells = [e.emergency for e in world.events(DISPATCHER, NoUnitFree)]
    assert spells.count("e") == 2, "a new spell"


def test_ops_is_told_when_nobody_on_duty_has_the_skills(world: World) -> None:
    on_duty(world, "basic", skills=("bls",))
    raise_emergency(world, "e", priority=1)
    world.settle()
    assert [e.reason for e in world.events(DISPATCHER, NoUnitFree)] == ["none_with_skills"]


def test_a_declined_offer_goes_to_the_next_nearest(world: World) -> None:
    for unit, km in (("a", 1), ("b", 2), ("c", 3)):
        on_duty(world, unit, km)
    raise_emergency(world, "e")
    world.settle()
    decline(world, "a")
    world.settle()
    decline(world, "b")
    world.settle()
    assert offers(world) == [("e", "a"), ("e", "b"), ("e", "c")]


def test_an_expired_offer_goes_to_the_next_nearest(world: World) -> None:
    asked_among(world, a=1, b=2)
    world.advance(30)
    world.settle()
    assert offers(world) == [("e", "a"), ("e", "b")]


def test_when_all_have_refused_they_are_asked_again_after_a_pause(world: World) -> None:
    asked(world, "a")
    decline(world, "a")
    world.settle()
    assert len(offers(world)) == 1
    world.advance(10)
    on_duty(world, "basic", skills=("bls",))
    world.settle()
    world.advance(10)
    world.settle()
    assert len(world.events(DISPATCHER, AllRefused)) == 1, "the pause does not begin anew"
    assert len(world.events(DISPATCHER, RoundRestarted)) == 1
    assert offers(world) == [("e", "a"), ("e", "a")]


def test_a_unit_that_comes_on_duty_in_the_pause_is_asked_at_once(world: World) -> None:
    asked(world, "a")
    decline(world, "a")
    world.settle()
    on_duty(world, "b", 9)
    world.settle()
    assert offers(world)[-1] == ("e", "b")
    accept(world, "b")
    world.settle()
    world.advance(60)
    assert not world.events(DISPATCHER, RoundRestarted), "there is nothing to ask again"


def test_after_so_many_tries_a_human_is_alerted_and_offers_go_on(world: World) -> None:
    for n in range(4):
        on_duty(world, f"u{n}", n)
    raise_emergency(world, "e")
    for n in range(3):
        world.settle()
        assert not world.events(DISPATCHER, OpsAlerted)
        decline(world, f"u{n}")
    world.settle()
    assert [(e.emergency, e.tries) for e in world.events(DISPATCHER, OpsAlerted)] == [("e", 3)]
    assert offers(world)[-1] == ("e", "u3")


def test_a_unit_that_was_asked_is_reserved_until_it_answers(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e", 3)
    raise_emergency(world, "f", 1)
    world.settle()
    assert offers(world) == [("e", "u")]
    decline(world, "u")
    world.settle()
    assert offers(world)[-1] == ("f", "u"), "and then the more urgent one is first"


def test_a_unit_that_goes_off_duty_with_an_offer_out_loses_it_to_the_next(world: World) -> None:
    asked_among(world, near=1, far=9)
    world.ask(unit_ref("near"), GoOffDuty(), crew("near"))
    world.settle()
    assert offers(world)[-1] == ("e", "far")
    assert world.dispatcher.cases["e"].tries == 0, "nobody refused"


def test_an_accept_in_the_last_moment_beats_the_expiry_and_one_after_it_does_not(
    world: World,
) -> None:
    asked(world)
    world.now += 29.999
    accept(world, "u")
    world.advance(60)
    world.settle()
    assert world.emergency("e").status == "assigned"
    asked(world, "v", "f")
    task = only_task(world, "v").id
    world.now += 30
    with refused("offer_expired"):
        world.ask(unit_ref("v"), AcceptTask(task=task), crew("v"))
