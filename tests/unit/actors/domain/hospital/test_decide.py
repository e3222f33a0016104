"""A hospital's load: what staff say, and what the crews on their way to it do."""

from __future__ import annotations

from typing import Any

import pytest

from actors.domain.hospital.choice import Candidate
from actors.domain.hospital.commands import (
    RegisterHospital,
    ReportLoad,
    RetireHospital,
    UpdateHospital,
    ViewHospital,
)
from actors.domain.hospital.events import HospitalUpdated, LoadLapsed
from actors.domain.hospital.state import HANDOVER_S, LOAD_FRESH_S, Hospital
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.messages.status import AmbulancePhase
from actors.domain.messages.to_dispatcher import HospitalChanged
from actors.domain.messages.to_hospital import RecordAmbulance
from actors.domain.paramedic.commands import ProgressTask, RedirectTask
from actors.domain.values import Destination, Location
from actors.domain.views.hospital import HospitalView
from tests.unit.actors.domain.cast import accept, asked, crew, unit_ref
from tests.unit.actors.domain.world import World

REF = EntityRef("hospital", "h")
PLACE = Location(12.98, 77.6)
PROFILE: dict[str, Any] = {
    "name": "General",
    "region": "north",
    "location": PLACE,
    "capabilities": ("stroke",),
}
SYSTEM = Sender("system", "paramedic:u")


def opened() -> World:
    world = World()
    world.ask(REF, RegisterHospital(**PROFILE))
    return world


def hospital(world: World) -> Hospital:
    found = world.state(REF)
    assert isinstance(found, Hospital)
    return found


def record(world: World, task: str, phase: AmbulancePhase) -> None:
    ambulance = RecordAmbulance(task=task, unit="u", priority=2, phase=phase, at=world.now)
    world.ask(REF, ambulance, SYSTEM)


def test_staff_open_divert_and_close_it_and_it_never_comes_back_from_retirement() -> None:
    world = opened()
    for intake in ("divert", "closed", "open"):
        world.ask(REF, ReportLoad(intake=intake))
        assert hospital(world).intake == intake
    world.ask(REF, UpdateHospital(**{**PROFILE, "name": "New"}))
    world.ask(REF, RetireHospital())
    assert hospital(world).name == "New" and hospital(world).intake == "closed"
    with pytest.raises(DomainError, match="nothing is any more"):
        world.ask(REF, ReportLoad(intake="open"))
    world.check_replay()


def test_a_profile_that_was_overtaken_by_a_newer_one_changes_nothing() -> None:
    world = opened()
    for name, profile_at in (("New", 20.0), ("Old", 10.0), ("New again", 20.0)):
        update = UpdateHospital(**{**PROFILE, "name": name}, profile_at=profile_at)
        answer = world.ask(REF, update).told()
        assert isinstance(answer, HospitalView) and answer.name == "New"
    world.ask(REF, UpdateHospital(**{**PROFILE, "name": "Unnumbered"}))  # from before there were
    assert hospital(world).name == "Unnumbered" and hospital(world).profile_at == 20.0
    assert len(world.events(REF, HospitalUpdated)) == 2
    world.check_replay()


def test_ambulances_are_counted_once_each_however_their_messages_arrive() -> None:
    world = opened()
    record(world, "a", "under_way")
    record(world, "b", "at_handover")
    record(world, "b", "under_way")  # overtaken
    record(world, "a", "under_way")  # repeated
    assert (hospital(world).count("under_way"), hospital(world).count("at_handover")) == (1, 1)
    record(world, "a", "gone")
    record(world, "a", "at_handover")  # late
    assert (hospital(world).count("under_way"), hospital(world).count("at_handover")) == (0, 1)


def test_the_expected_wait_follows_from_what_is_before_the_next_ambulance() -> None:
    world = opened()
    assert hospital(world).expected_wait_s(world.now) == 0
    record(world, "a", "at_handover")
    record(world, "b", "under_way")
    assert hospital(world).expected_wait_s(world.now) == 1.5 * HANDOVER_S
    world.ask(REF, ReportLoad(intake="open", free_beds=3, queue=3, handover_s=600.0))
    assert hospital(world).expected_wait_s(world.now) == 600 * 4.5 / 3
    world.ask(REF, ReportLoad(intake="open", free_beds=0, handover_s=600.0))
    assert hospital(world).expected_wait_s(world.now) == 600 + 600 * 1.5
    # What was said long ago is no news any more.
    assert hospital(world).expected_wait_s(world.now + LOAD_FRESH_S) == 1.5 * HANDOVER_S


def words(world: World, region: str = "north") -> list[HospitalChanged]:
    """What a region's dispatcher was told of it, as it was sent."""
    to = EntityRef("dispatcher", region)
    return [
        message.command
        for message in (*world.delivered, *world.bus)
        if message.to == to and isinstance(message.command, HospitalChanged)
    ]


def test_its_dispatcher_hears_with_each_change_how_it_stands_for_choice() -> None:
    world = opened()
    world.ask(REF, ReportLoad(intake="divert", queue=2, handover_s=600.0))
    record(world, "a", "at_handover")
    record(world, "a", "under_way")  # overtaken: no change, no word
    world.ask(REF, RetireHospital())
    stands = [
        Candidate("h", PLACE, ("stroke",)),
        Candidate("h", PLACE, ("stroke",), "divert", 1200.0),
        Candidate("h", PLACE, ("stroke",), "divert", 1800.0),
        None,
    ]
    told = words(world)
    assert [word.candidate for word in told] == stands
    assert [word.revision for word in told] == [1, 2, 3, 4]
    world.settle()
    world.check_nothing_lost()


def test_of_another_region_now_both_dispatchers_hear() -> None:
    world = opened()
    world.ask(REF, UpdateHospital(**{**PROFILE, "region": "south"}))
    assert [(w.revision, w.candidate is None) for w in words(world)] == [(1, False), (2, True)]
    assert [(w.revision, w.candidate is None) for w in words(world, "south")] == [(2, False)]


def test_its_dispatcher_hears_once_when_a_report_is_too_old_to_count() -> None:
    world = opened()
    world.ask(REF, ReportLoad(intake="open", queue=2))
    world.advance(LOAD_FRESH_S / 2)
    world.ask(REF, ReportLoad(intake="open", queue=1))
    world.advance(2 * LOAD_FRESH_S)
    assert [event.at for event in world.events(REF, LoadLapsed)] == [
        pytest.approx(world.now - LOAD_FRESH_S, abs=1)
    ]
    assert [w.candidate and w.candidate.wait_s for w in words(world)] == [0, 1800, 900, 0]
    world.ask(REF, ReportLoad(intake="open", queue=1))
    world.advance(2 * LOAD_FRESH_S)
    assert len(world.events(REF, LoadLapsed)) == 2, "the next report grows old too"
    world.ask(REF, ReportLoad(intake="open", queue=1))
    world.ask(REF, RetireHospital())
    assert world.next_wake() is None
    world.check_replay()


def test_a_crew_that_sets_out_for_it_is_on_its_list_until_it_is_free_again() -> None:
    world = opened()
    asked(world)
    task = accept(world, "u")
    world.settle()
    to = Destination(hospital="h", name="General", location=PLACE)
    for step, counts in (
        ("en_route", (0, 0)),
        ("on_scene", (0, 0)),
        ("transporting", (1, 0)),
        ("at_hospital", (0, 1)),
        ("completed", (0, 0)),
    ):
        # Steps come as any text here; a wrong one would be refused, and fail the test.
        step_on = ProgressTask(task=task, step=step, destination=to)  # type: ignore[arg-type]
        world.ask(unit_ref("u"), step_on, crew("u"))
        world.settle()
        assert (hospital(world).count("under_way"), hospital(world).count("at_handover")) == counts
    assert world.emergency("e").destination == to
    world.check_replay()


def test_a_crew_that_turns_to_another_hospital_leaves_the_first_ones_list() -> None:
    world, other = opened(), EntityRef("hospital", "other")
    world.ask(other, RegisterHospital(**PROFILE))
    asked(world)
    task = accept(world, "u")
    first, second = (Destination(hospital=id_, name=id_, location=PLACE) for id_ in ("h", "other"))
    redirect = RedirectTask(task=task, destination=second, reason="on divert")
    with pytest.raises(DomainError, match="not possible while the task is accepted"):
        world.ask(unit_ref("u"), redirect, crew("u"))
    for step in ("en_route", "on_scene", "transporting"):
        step_on = ProgressTask(task=task, step=step, destination=first)
        world.advance(60)
        world.ask(unit_ref("u"), step_on, crew("u"))
    world.advance(60)
    world.ask(unit_ref("u"), redirect, crew("u"))
    while world.bus:
        world.deliver(len(world.bus) - 1)  # the newest first
    assert hospital(world).count("under_way") == 0
    assert world.state(other).count("under_way") == 1
    assert world.emergency("e").destination == second
    assert world.emergency("e").status == "transporting"
    world.advance(60)
    world.ask(unit_ref("u"), RedirectTask(task=task, destination=first, reason="back"), crew("u"))
    world.settle()
    assert hospital(world).count("under_way") == 1
    assert world.state(other).count("under_way") == 0
    world.check_replay()


def test_only_crews_are_counted_and_only_those_who_may_see_it() -> None:
    world = opened()
    ambulance = RecordAmbulance(task="t", unit="u", priority=1, phase="under_way", at=world.now)
    with pytest.raises(DomainError, match=r"hospital\.message"):
        world.ask(REF, ambulance, Sender("ops", "desk"))
    for role in ("paramedic", "doctor", "ops"):
        assert world.ask(REF, ViewHospital(), Sender(role, "x")).answer is not None
    with pytest.raises(DomainError, match=r"hospital\.view"):
        world.ask(REF, ViewHospital(), Sender("patient", "p"))
