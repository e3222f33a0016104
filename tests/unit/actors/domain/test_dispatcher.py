"""The dispatcher at work in a small world: offering, waiting, asking again, calling for help."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain import views
from actors.domain.dispatcher import TOMBSTONES, ViewDispatcher
from actors.domain.dispatcher_events import (
    AllRefused,
    CrewLost,
    EmergencyQueued,
    NoUnitFree,
    OfferMade,
    OpsAlerted,
    RoundRestarted,
)
from actors.domain.emergency import CancelEmergency, OverridePriority
from actors.domain.kernel import EntityRef
from actors.domain.messages import (
    EmergencyChanged,
    OfferAnswered,
    RemoveEmergency,
    TaskEnded,
    UnitChanged,
    WithdrawTask,
)
from actors.domain.paramedic import (
    AcceptTask,
    GoOffDuty,
    HandBackTask,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
)
from tests.unit.actors.domain.cast import (
    ADMIN,
    SYSTEM,
    accept,
    crew,
    decline,
    emergency_ref,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, OPS, World


@pytest.fixture
def world() -> World:
    return World()


def offers(world: World) -> list[tuple[str, str]]:
    """Each offer ever made: emergency, unit."""
    return [(e.emergency, e.unit) for e in world.events(DISPATCHER, OfferMade)]


def test_the_nearest_free_unit_is_offered_the_emergency(world: World) -> None:
    on_duty(world, "far", 6)
    on_duty(world, "near", 1)
    raise_emergency(world, "e")
    world.settle()
    assert offers(world) == [("e", "near")]
    task = only_task(world, "near")
    assert (task.emergency, task.symptoms, task.priority) == ("e", ("chest tight",), 2)
    assert task.expires_at == world.now + 30


def test_from_raise_to_close_nothing_stays_behind(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
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
    on_duty(world, "a", 1)
    on_duty(world, "b", 2)
    raise_emergency(world, "e")
    world.settle()
    world.advance(30)
    world.settle()
    assert offers(world) == [("e", "a"), ("e", "b")]


def test_when_all_have_refused_they_are_asked_again_after_a_pause(world: World) -> None:
    on_duty(world, "a", 1)
    raise_emergency(world, "e")
    world.settle()
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
    on_duty(world, "a", 1)
    raise_emergency(world, "e")
    world.settle()
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


def test_a_cancel_with_an_offer_out_takes_the_offer_back(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    world.settle()
    assert world.unit("u").tasks == ()
    assert not world.dispatcher.cases and not world.dispatcher.reserved


@pytest.mark.parametrize("emergency_first", [True, False])
def test_a_cancel_that_races_an_accept_ends_with_a_free_crew(
    world: World, emergency_first: bool
) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    if not emergency_first:
        world.bus.reverse()
    world.settle()
    assert world.unit("u").status == "available"
    assert world.emergency("e").status == "cancelled"
    world.check_nothing_lost()


def test_a_cancel_calls_back_a_crew_that_is_engaged(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    progress(world, "u", "en_route")
    world.ask(emergency_ref("e"), CancelEmergency(reason="well"), patient())
    called_back = [m.to for m in world.bus if isinstance(m.command, WithdrawTask)]
    assert called_back == [EntityRef("paramedic", "u")]
    world.settle()
    assert world.unit("u").status == "available"


def test_what_is_handed_back_waits_again_at_its_old_age_and_priority(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "old", 2)
    world.settle()
    accept(world, "u")
    world.settle()
    world.now += 60
    raise_emergency(world, "new", 2)
    world.settle()
    on_duty(world, "v")
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    world.bus.reverse()  # the crew lost is heard of before the unit that came
    while world.bus:
        world.deliver(0)
    assert world.emergency("old").status == "raised"
    assert [e.emergency for e in world.events(DISPATCHER, CrewLost)] == ["old"]
    world.check_nothing_lost()
    cases = sorted(world.dispatcher.cases.values(), key=lambda case: case.rank)
    assert [case.card.emergency for case in cases] == ["old", "new"]
    assert only_task(world, "v").emergency == "old"


def test_who_handed_it_back_is_not_asked_first(world: World) -> None:
    on_duty(world, "near", 1)
    on_duty(world, "far", 9)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "near")
    world.settle()
    task = only_task(world, "near").id
    world.ask(unit_ref("near"), HandBackTask(task=task, reason="b"), crew("near"))
    world.settle()
    assert offers(world)[-1] == ("e", "far")


def test_staff_take_a_unit_off_and_another_is_found(world: World) -> None:
    on_duty(world, "near", 1)
    on_duty(world, "far", 9)
    raise_emergency(world, "e")
    world.settle()
    task = accept(world, "near")
    world.settle()
    world.ask(unit_ref("near"), WithdrawTask(task=task, reason="needed"), OPS)
    world.settle()
    accept(world, "far")
    world.settle()
    assert world.emergency("e").unit == "far"
    world.check_nothing_lost()


def test_a_unit_that_goes_off_duty_with_an_offer_out_loses_it_to_the_next(world: World) -> None:
    on_duty(world, "near", 1)
    on_duty(world, "far", 9)
    raise_emergency(world, "e")
    world.settle()
    world.ask(unit_ref("near"), GoOffDuty(), crew("near"))
    world.settle()
    assert offers(world)[-1] == ("e", "far")
    assert world.dispatcher.cases["e"].tries == 0, "nobody refused"


def test_an_override_reaches_the_crew_that_was_asked(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e", 3)
    world.settle()
    world.ask(emergency_ref("e"), OverridePriority(priority=1, reason="gasping"), OPS)
    world.settle()
    assert only_task(world, "u").priority == 1
    assert world.dispatcher.cases["e"].card.priority == 1


def test_an_accept_in_the_last_moment_beats_the_expiry_and_one_after_it_does_not(
    world: World,
) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    world.now += 29.999
    accept(world, "u")
    world.advance(60)
    world.settle()
    assert world.emergency("e").status == "assigned"
    on_duty(world, "v")
    raise_emergency(world, "f")
    world.settle()
    task = only_task(world, "v").id
    world.now += 30
    with refused("offer_expired"):
        world.ask(unit_ref("v"), AcceptTask(task=task), crew("v"))


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
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    (answer,) = [m.command for m in world.bus if isinstance(m.command, OfferAnswered)]
    world.settle()
    assert world.ask(DISPATCHER, answer, SYSTEM).events == ()


def test_the_end_of_an_earlier_crews_task_does_not_end_the_later_ones(world: World) -> None:
    on_duty(world, "u", 1)
    on_duty(world, "v", 2)
    raise_emergency(world, "e")
    world.settle()
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
    on_duty(world, "u", 1)
    on_duty(world, "v", 2)
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.ask(unit_ref("u"), HandBackTask(task=only_task(world, "u").id, reason="b"), crew("u"))
    world.bus.reverse()
    world.settle()
    assert offers(world) == [("e", "u"), ("e", "v")]
    assert set(world.dispatcher.reserved) == {"v"}
    world.check_nothing_lost()


def test_late_news_of_an_emergency_with_a_crew_does_not_queue_it(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
    accept(world, "u")
    world.settle()
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


def test_what_is_over_does_not_pile_up(world: World) -> None:
    on_duty(world, "u", skills=("als",))
    for n in range(TOMBSTONES + 50):
        raise_emergency(world, f"e{n}")
        world.ask(emergency_ref(f"e{n}"), CancelEmergency(reason="test"), patient())
    world.settle()
    state = world.dispatcher
    assert not state.cases and not state.reserved
    assert len(state.ended) == TOMBSTONES


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
    assert isinstance(view, views.DispatcherView)
    assert [(case.emergency, case.phase) for case in view.cases] == [
        ("high", "waiting"),
        ("low", "offered"),
    ]
    assert [(unit.unit, unit.free) for unit in view.units] == [("u", False)]


def test_ops_sees_each_event_without_health_data(world: World) -> None:
    on_duty(world, "u")
    raise_emergency(world, "e")
    world.settle()
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
