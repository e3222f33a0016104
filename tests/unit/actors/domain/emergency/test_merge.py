"""Two calls that are one: the duplicate ends and follows, and neither is ever lost."""

from __future__ import annotations

import pytest

from actors.domain.dispatcher import publish
from actors.domain.dispatcher.events import EmergencyRemoved, OfferClosed
from actors.domain.emergency.commands import (
    CancelEmergency,
    MergeEmergency,
    OrderUnits,
    ViewEmergency,
)
from actors.domain.emergency.events import DuplicateLinked, DuplicateReturned
from actors.domain.messages.to_dispatcher import EmergencyChanged, RemoveEmergency
from actors.domain.messages.to_emergency import AssignUnit, LinkDuplicate, ReturnDuplicate
from actors.domain.paramedic.events import TaskWithdrawn
from actors.domain.views.emergency import EmergencyDetail
from tests.unit.actors.domain.cast import (
    accept,
    emergency_ref,
    late,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import DISPATCHER, REGION, World


@pytest.fixture
def world() -> World:
    world = World()
    raise_emergency(world, "first")
    raise_emergency(world, "second", patient_id="other")
    world.settle()
    return world


def merge(world: World, duplicate: str = "second", into: str = "first") -> None:
    reason = "the same crash"
    world.ask(emergency_ref(duplicate), MergeEmergency(into=into, reason=reason))


def cancel(world: World, emergency: str) -> None:
    world.ask(emergency_ref(emergency), CancelEmergency(reason="a mistake"))


def test_the_duplicate_is_over_and_its_caller_follows_the_other(world: World) -> None:
    merge(world)
    world.settle()
    assert set(world.dispatcher.cases) == {"first"}
    on_duty(world, "u")
    world.settle()
    accept(world, "u")
    world.settle()
    progress(world, "u", "en_route")
    seen = world.ask(emergency_ref("second"), ViewEmergency(), patient("other")).told()
    assert isinstance(seen, EmergencyDetail)
    assert (seen.status, seen.merged_into) == ("merged", "first")
    assert seen.following is not None
    assert (seen.following.status, seen.following.unit) == ("en_route", "u")
    assert seen.following.eta is not None
    progress(world, "u", "on_scene", "completed")
    followed = world.emergency("second").orders.followed
    assert followed is not None and followed.status == "closed"
    world.check_nothing_lost()
    world.check_replay()


def test_its_channel_says_so_without_the_others_record(world: World) -> None:
    merge(world)
    world.settle()
    facts = [p.data for p in world.publications if p.channel == "emergency:second"]
    merged = next(f for f in facts if f.event == "EmergencyMerged")
    assert merged.emergency.merged_into == "first"
    assert merged.emergency.patient_id == "other"


@pytest.mark.parametrize("accepted", [False, True])
def test_its_own_crew_is_called_back(world: World, accepted: bool) -> None:
    on_duty(world, "u")
    on_duty(world, "v", 2)
    world.settle()
    of_second = next(u for u in ("u", "v") if only_task(world, u).emergency == "second")
    if accepted:
        accept(world, of_second)
        world.settle()
    merge(world)
    world.settle()
    assert not world.unit(of_second).tasks
    assert len(world.events(unit_ref(of_second), TaskWithdrawn)) == 1
    world.check_nothing_lost()


def test_a_cancelled_primary_gives_its_duplicates_back(world: World) -> None:
    merge(world)
    world.settle()
    on_duty(world, "u")
    world.settle()
    cancel(world, "first")
    world.settle()
    assert world.emergency("second").status == "raised"
    assert only_task(world, "u").emergency == "second"
    world.check_nothing_lost()
    world.check_replay()


def test_what_is_merged_into_something_that_just_ended_is_raised_again(world: World) -> None:
    cancel(world, "first")
    merge(world)
    world.settle()
    assert world.emergency("second").status == "raised"
    assert world.dispatcher.cases["second"].phase == "waiting"
    world.check_nothing_lost()


def test_what_is_merged_into_nothing_is_raised_again(world: World) -> None:
    merge(world, into="never")
    world.settle()
    assert world.emergency("second").status == "raised"
    world.check_nothing_lost()


def test_two_that_are_merged_into_each_other_are_not_both_gone(world: World) -> None:
    merge(world, "second", "first")
    merge(world, "first", "second")
    world.settle()
    open_ = [e.id for e in world.emergencies() if not e.ended]
    assert open_
    world.check_nothing_lost()


def test_an_old_return_does_not_undo_a_newer_merge(world: World) -> None:
    cancel(world, "first")
    merge(world)
    world.deliver([isinstance(m.command, LinkDuplicate) for m in world.bus].index(True))
    back = late(world, ReturnDuplicate)
    world.bus.append(back)
    world.settle()
    raise_emergency(world, "third")
    merge(world, "second", "third")
    world.settle()
    world.bus.append(back)
    world.settle()
    assert world.emergency("second").status == "merged"
    assert len(world.events(emergency_ref("second"), DuplicateReturned)) == 1
    world.check_nothing_lost()


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("late_word", [False, True])
def test_a_crew_that_was_called_back_has_not_refused(
    world: World, accepted: bool, late_word: bool
) -> None:
    on_duty(world, "u")
    world.settle()
    of = only_task(world, "u").emergency
    other = "first" if of == "second" else "second"
    if accepted:
        accept(world, "u")
        world.settle()
    merge(world, of, "never" if late_word else other)
    withheld = []
    while late_word and world.bus:  # its own again before its crew has answered
        if world.bus[0].to == unit_ref("u"):
            withheld.append(world.bus.pop(0))
        else:
            world.deliver(0)
    world.bus += withheld
    world.settle()
    if not late_word:
        cancel(world, other)
        world.settle()
    case = world.dispatcher.cases[of]
    assert (case.refused_by, case.tries) == ((), 0)
    assert only_task(world, "u").emergency in (of, other)
    world.check_nothing_lost()
    world.check_replay()


def test_what_happens_to_one_that_was_set_aside_is_shown_and_is_its_patients(
    world: World,
) -> None:
    on_duty(world, "u")
    world.settle()
    of = only_task(world, "u").emergency
    merge(world, of, "second" if of == "first" else "first")
    removal = [isinstance(m.command, RemoveEmergency) for m in world.bus].index(True)
    world.deliver(removal)
    aside = world.dispatcher
    assert of in aside.merged and of not in aside.cases
    world.settle()
    (closed,) = [e for e in world.events(DISPATCHER, OfferClosed) if e.emergency == of]
    whose = world.emergency(of).patient_id
    assert publish.concerns(aside, closed, aside) == whose
    (shown,) = [
        p.data
        for p in world.publications
        if p.channel == f"ops:{REGION}" and p.data.event == "OfferClosed" and p.data.emergency == of
    ]
    assert shown.case is not None and shown.case.emergency == of


def test_one_that_was_merged_before_it_was_heard_of_is_its_patients(world: World) -> None:
    raise_emergency(world, "new", patient_id="third")
    first_word = late(world, EmergencyChanged)
    merge(world, "new", "first")
    before = world.dispatcher
    world.settle()
    (removed,) = [e for e in world.events(DISPATCHER, EmergencyRemoved) if e.emergency == "new"]
    assert publish.concerns(before, removed, world.dispatcher) == "third"
    world.bus.append(first_word)
    world.settle()


def test_a_repeated_link_is_one(world: World) -> None:
    merge(world)
    world.settle()
    for index, message in enumerate(list(world.delivered)):
        if isinstance(message.command, LinkDuplicate):
            world.repeat(index)
    world.settle()
    assert len(world.events(emergency_ref("first"), DuplicateLinked)) == 1


def test_a_merge_that_overtakes_the_call_itself_leaves_no_ghost(world: World) -> None:
    raise_emergency(world, "new")
    first_word = late(world, EmergencyChanged)
    merge(world, "new", "first")
    world.settle()
    world.bus.append(first_word)
    world.settle()
    assert "new" not in world.dispatcher.cases
    cancel(world, "first")
    world.settle()
    assert world.dispatcher.cases["new"].phase == "waiting"
    world.check_nothing_lost()


def test_a_return_that_overtakes_the_removal_stays_served(world: World) -> None:
    merge(world, into="never")
    removal = late(world, RemoveEmergency)
    world.settle()
    world.bus.append(removal)
    world.settle()
    assert world.dispatcher.cases["second"].phase == "waiting"
    world.check_nothing_lost()


def test_nobody_else_is_sent_before_the_crew_of_before_has_answered(world: World) -> None:
    on_duty(world, "u")
    on_duty(world, "v", 2)
    world.settle()
    of_second = next(u for u in ("u", "v") if only_task(world, u).emergency == "second")
    accept(world, of_second)
    world.settle()
    on_duty(world, "w", 3)
    world.settle()
    merge(world, into="never")
    withheld = []
    while world.bus:
        if world.bus[0].to == unit_ref(of_second):
            withheld.append(world.bus.pop(0))
        else:
            world.deliver(0)
    assert world.emergency("second").status == "raised"
    assert not world.unit("w").tasks, "the crew of before is still on it"
    world.bus += withheld
    world.settle()
    # It has not refused, and is the nearest still.
    assert only_task(world, of_second).emergency == "second" and not world.unit("w").tasks
    world.check_nothing_lost()


def test_a_crew_that_accepts_what_was_merged_meanwhile_is_called_back(world: World) -> None:
    on_duty(world, "u")
    on_duty(world, "v", 2)
    world.settle()
    of_second = next(u for u in ("u", "v") if only_task(world, u).emergency == "second")
    merge(world)
    accept(world, of_second)
    word = late(world, AssignUnit)
    world.settle()
    world.bus.append(word)
    world.settle()
    assert not world.unit(of_second).tasks
    world.check_nothing_lost()


def test_a_crew_that_left_meanwhile_is_not_taken_for_there_by_its_late_word(world: World) -> None:
    on_duty(world, "u")
    world.settle()
    (of,) = [task.emergency for task in world.unit("u").tasks]
    accept(world, "u")
    word = late(world, AssignUnit)
    world.settle()
    merge(world, of, "never")
    world.deliver([isinstance(m.command, LinkDuplicate) for m in world.bus].index(True))
    back = late(world, ReturnDuplicate)
    world.settle()
    assert not any(task.emergency == of for task in world.unit("u").tasks)
    for message in (back, word):
        world.bus.append(message)
        world.settle()
    assert (world.emergency(of).status, world.emergency(of).unit) == ("raised", None)
    world.check_nothing_lost()


def test_what_is_refused_says_what_to_do_instead(world: World) -> None:
    with refused("same_emergency"):
        merge(world, "first", "first")
    merge(world)
    world.settle()
    raise_emergency(world, "third")
    with refused("merge_the_other_way"):
        merge(world, "first", "third")
    world.ask(emergency_ref("third"), OrderUnits(count=1, reason="two hurt"))
    with refused("merge_the_other_way"):
        merge(world, "third", "first")
    with refused("impossible_transition"):
        world.ask(emergency_ref("second"), CancelEmergency(reason="x"), patient("other"))
