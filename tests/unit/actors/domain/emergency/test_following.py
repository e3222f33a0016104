"""Who called about what another one stands for: sees its crew come on the own track, no more."""

from __future__ import annotations

import pytest

from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import (
    CancelEmergency,
    MergeEmergency,
    OrderUnits,
    ViewEmergency,
)
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.messages.to_emergency import LinkDuplicate
from actors.domain.messages.to_paramedic import ShareTrack
from actors.domain.paramedic.commands import HandBackTask
from actors.domain.paramedic.events import TrackShared
from actors.domain.registry import kinds
from actors.domain.views.emergency import EmergencyDetail, FollowingView
from actors.domain.views.paramedic import Track
from tests.unit.actors.domain.cast import (
    SYSTEM,
    accept,
    crew,
    emergency_ref,
    late,
    north_of_centre,
    on_duty,
    only_task,
    patient,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.refusal import refused
from tests.unit.actors.domain.world import World

STEPS = ("en_route", "on_scene", "transporting", "at_hospital", "completed")


@pytest.fixture
def world() -> World:
    """Two calls about one crash, and somebody else's."""
    world = World(kinds(DispatchRules(), Preemptive()))
    raise_emergency(world, "first", 4)
    raise_emergency(world, "second", 4, patient_id="other")
    world.settle()
    return world


def merge(world: World, duplicate: str = "second", into: str = "first") -> None:
    command = MergeEmergency(into=into, reason="the same crash")
    world.ask(emergency_ref(duplicate), command)


def sent_out(world: World, unit: str, km: float = 1.0) -> None:
    """A unit comes on duty, is asked for the one there is, and accepts."""
    on_duty(world, unit, km)
    world.settle()
    accept(world, unit)
    world.settle()


def tracks(world: World, unit: str, km: float = 0.5) -> dict[str, Track]:
    """Where a position that this unit reports now is seen, and what is seen of it."""
    world.now += 1
    world.publications.clear()
    here = north_of_centre(km)
    world.signal(unit_ref(unit), ReportPosition(lat=here.lat, lon=here.lon, at=world.now))
    return {p.channel: p.data for p in world.publications if p.channel.startswith("track:")}


def following(world: World) -> FollowingView | None:
    seen = world.ask(emergency_ref("second"), ViewEmergency(), patient("other")).told()
    assert isinstance(seen, EmergencyDetail)
    return seen.following


@pytest.mark.parametrize("merged_first", [True, False])
def test_the_unit_is_seen_coming_by_both_until_it_leaves_the_scene(
    world: World, merged_first: bool
) -> None:
    unit = "u"
    if merged_first:
        merge(world)
        world.settle()
        sent_out(world, unit)
    else:
        on_duty(world, "u")
        on_duty(world, "v", 2)
        world.settle()
        unit = next(u for u in ("u", "v") if only_task(world, u).emergency == "first")
        accept(world, unit)
        world.settle()
        assert set(tracks(world, unit)) == {"track:first"}
        merge(world)
        world.settle()
    for n, step in enumerate(STEPS):
        seen = tracks(world, unit, 1.0 - n / 10)
        both = {"track:first", "track:second"} if n <= 2 else {"track:first"}
        assert set(seen) == both, f"before {step}"
        for one in seen.values():
            assert one == seen["track:first"] and one.unit == unit
            assert (one.eta_s is not None) == (n <= 1)
        progress(world, unit, step)
    assert tracks(world, unit) == {}
    world.check_replay()


def test_what_follows_says_how_far_help_is_and_not_where_the_patient_is_brought(
    world: World,
) -> None:
    merge(world)
    world.settle()
    sent_out(world, "u")
    shown = []
    for step in STEPS:
        progress(world, "u", step)
        seen = following(world)
        assert seen is not None
        shown.append(seen.status)
    assert shown == ["en_route", "on_scene", "on_scene", "on_scene", "closed"]
    facts = [p.data for p in world.publications if p.channel == "emergency:second"]
    assert "transporting" not in str(facts) and "at_hospital" not in str(facts)
    assert "'pat'" not in str(facts)  # the other patient


def test_a_crew_that_is_released_is_followed_no_more_and_the_next_one_is(world: World) -> None:
    merge(world)
    world.settle()
    sent_out(world, "u")
    task = only_task(world, "u").id
    on_duty(world, "v", 3)
    world.settle()
    world.ask(unit_ref("u"), HandBackTask(task=task, reason="flat tyre"), crew("u"))
    assert tracks(world, "u") == {}
    world.settle()
    accept(world, "v")
    world.settle()
    assert set(tracks(world, "v")) == {"track:first", "track:second"}
    seen = following(world)
    assert seen is not None and seen.unit == "v"
    world.check_nothing_lost()


def test_a_diverted_unit_is_seen_by_whom_it_now_goes_to_alone(world: World) -> None:
    merge(world)
    world.settle()
    sent_out(world, "u")
    progress(world, "u", "en_route")
    raise_emergency(world, "urgent", 1)
    world.settle()
    assert only_task(world, "u").emergency == "urgent"
    assert set(tracks(world, "u")) == {"track:urgent"}
    sent_out(world, "v", 3)
    assert set(tracks(world, "v")) == {"track:first", "track:second"}
    world.check_nothing_lost()
    world.check_replay()


def test_each_further_unit_is_seen_too(world: World) -> None:
    world.ask(emergency_ref("first"), OrderUnits(count=1, reason="two are hurt"))
    merge(world)
    world.settle()
    for unit in ("u", "v"):
        sent_out(world, unit)
        assert set(tracks(world, unit)) == {"track:first", "track:second"}


def test_all_who_called_follow_and_who_calls_later_joins(world: World) -> None:
    raise_emergency(world, "third", 4, patient_id="third")
    merge(world)
    world.settle()
    on_duty(world, "u")
    on_duty(world, "v", 2)
    world.settle()
    for unit in ("u", "v"):
        if only_task(world, unit).emergency == "first":
            accept(world, unit)
            first = unit
    world.settle()
    merge(world, "third")
    # The newer word comes first, and the older one, late, takes nothing away.
    world.deliver(next(n for n, m in enumerate(world.bus) if isinstance(m.command, LinkDuplicate)))
    world.settle()
    shared = world.events(unit_ref(first), TrackShared)
    assert [one.followers for one in shared] == [("second",), ("second", "third")]
    old = ShareTrack(
        task=shared[0].task, followers=shared[0].followers, revision=shared[0].revision
    )
    world.ask(unit_ref(first), old, SYSTEM)
    assert set(tracks(world, first)) == {"track:first", "track:second", "track:third"}


def test_when_the_other_is_cancelled_its_crew_is_seen_no_more_and_the_own_is(world: World) -> None:
    merge(world)
    world.settle()
    sent_out(world, "u")
    world.ask(emergency_ref("first"), CancelEmergency(reason="a mistake"))
    world.settle()
    assert world.emergency("second").status == "raised"
    assert only_task(world, "u").emergency == "second"
    accept(world, "u")
    world.settle()
    assert set(tracks(world, "u")) == {"track:second"}
    assert following(world) is None


def test_what_others_follow_is_merged_no_further_and_a_crossing_merge_comes_back(
    world: World,
) -> None:
    """So nobody follows through a third one: there are no chains."""
    raise_emergency(world, "third", 4, patient_id="third")
    world.settle()
    merge(world, "second", "first")
    link = late(world, LinkDuplicate)
    merge(world, "first", "third")  # it does not know yet that somebody follows it
    world.settle()
    world.bus.append(link)
    world.settle()
    assert world.emergency("second").status == "raised"
    merge(world, "second", "third")
    world.settle()
    with refused("merge_the_other_way"):
        merge(world, "third", "second")
    sent_out(world, "u")
    assert set(tracks(world, "u")) == {"track:first", "track:second", "track:third"}
    world.check_nothing_lost()
    world.check_replay()


def test_a_word_about_a_task_that_is_over_means_nothing(world: World) -> None:
    merge(world)
    world.settle()
    on_duty(world, "u")
    world.settle()
    accept(world, "u")
    while not any(isinstance(m.command, ShareTrack) for m in world.bus):
        world.deliver(0)
    word = late(world, ShareTrack)
    world.settle()
    progress(world, "u", "en_route", "on_scene", "completed")
    world.bus.append(word)
    world.settle()
    assert not world.events(unit_ref("u"), TrackShared)
