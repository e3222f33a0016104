"""Where a busy unit is expected to be free: where its patient would be brought to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.dispatch.lookahead import Lookahead
from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.dispatcher.commands import ListSuggestions
from actors.domain.dispatcher.events import EmergencyDeferred, HospitalNoted
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.situation import Showing
from actors.domain.emergency.commands import StageEmergency
from actors.domain.hospital.choice import Candidate, choose
from actors.domain.hospital.commands import (
    RegisterHospital,
    ReportLoad,
    RetireHospital,
    UpdateHospital,
)
from actors.domain.kernel import EntityRef
from actors.domain.messages.to_dispatcher import HospitalChanged
from actors.domain.paramedic.commands import ProgressTask
from actors.domain.registry import kinds
from actors.domain.travel import GreatCircle
from actors.domain.values import Destination, Location
from actors.domain.views.dispatcher import SuggestionList
from tests.unit.actors.domain.cast import (
    CENTRE,
    SYSTEM,
    accept,
    asked,
    crew,
    engaged,
    late,
    north_of_centre,
    offers,
    on_duty,
    only_task,
    progress,
    raise_emergency,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, REGION, World

RULES = DispatchRules(on_scene_s=100.0, transport_s=200.0, handover_s=400.0)
TRAVEL = GreatCircle()
FAR_OFF = north_of_centre(20)


def ref(hospital: str) -> EntityRef:
    return EntityRef("hospital", hospital)


def profile(km: float, capabilities: tuple[str, ...] = (), region: str = REGION) -> dict[str, Any]:
    return {
        "name": "General",
        "region": region,
        "location": north_of_centre(km),
        "capabilities": capabilities,
    }


def opened(world: World, hospital: str, km: float, capabilities: tuple[str, ...] = ()) -> None:
    world.ask(ref(hospital), RegisterHospital(**profile(km, capabilities)))
    world.settle()


def load(world: World, hospital: str, **said: Any) -> None:
    world.ask(ref(hospital), ReportLoad(**{"intake": "open", **said}))
    world.settle()


def drive_s(km: float) -> float:
    return TRAVEL.seconds(CENTRE, north_of_centre(km))


@pytest.fixture
def world() -> World:
    """A unit, `u`, is on its way to `e`; `f` waits far off."""
    world = World(kinds(RULES, Preemptive()))
    engaged(world)
    progress(world, "u", "en_route")
    raise_emergency(world, "f", 4, FAR_OFF)
    world.settle()
    return world


def free(world: World) -> tuple[float, float]:
    """In how many seconds, and how long a way it is from there to `f`: as the desk is told."""
    answer = world.ask(DISPATCHER, ListSuggestions()).told()
    assert isinstance(answer, SuggestionList)
    (suggestion,) = answer.suggestions
    (one,) = (one for one in suggestion.candidates if one.unit == "u")
    return one.free_in_s, one.eta_s


def about(in_s: float, way_s: float) -> Any:
    """The same to the tenth of a second, which is as exact as the desk is told."""
    return pytest.approx((in_s, way_s), abs=0.1)


def free_at(world: World, hospital_km: float) -> bool:
    """Whether it is expected to be free there, after all that lies before it."""
    way_s = TRAVEL.seconds(north_of_centre(hospital_km), FAR_OFF)
    in_s = only_task(world, "u").eta_s + 100 + drive_s(hospital_km) + 400
    return bool(free(world) == about(in_s, way_s))


def test_without_hospitals_it_is_the_scene_after_the_usual_drive(world: World) -> None:
    way_s = TRAVEL.seconds(CENTRE, FAR_OFF)
    in_s = only_task(world, "u").eta_s + 700
    assert free(world) == about(in_s, way_s)


def test_it_is_the_hospital_that_its_crew_would_be_shown_first(world: World) -> None:
    opened(world, "near", 1)
    assert free_at(world, 1)
    opened(world, "heart", 4, ("cath_lab",))  # `e` has pain in the chest
    assert free_at(world, 4)
    load(world, "heart", intake="divert")
    assert free_at(world, 4), "nobody else can"
    opened(world, "other heart", 7, ("cath_lab", "stroke"))
    assert free_at(world, 7)
    load(world, "heart")
    assert free_at(world, 4)
    load(world, "heart", free_beds=1, queue=3, handover_s=900.0)
    assert free_at(world, 7), "the wait at the door counts"
    world.advance(3600)  # by then the report is no news
    world.settle()
    assert free(world)[1] == pytest.approx(TRAVEL.seconds(north_of_centre(4), FAR_OFF), abs=0.1)


def test_a_hospital_that_moves_or_goes_is_expected_there_or_no_more(world: World) -> None:
    opened(world, "h", 3)
    world.ask(ref("h"), UpdateHospital(**profile(6)))
    world.settle()
    assert free_at(world, 6)
    world.ask(ref("h"), UpdateHospital(**profile(6, region="south")))
    world.settle()
    assert free(world)[1] == pytest.approx(TRAVEL.seconds(CENTRE, FAR_OFF), abs=0.1)
    elsewhere = world.state(EntityRef("dispatcher", "south")).hospitals
    assert elsewhere["h"].candidate.location == north_of_centre(6)
    world.ask(ref("h"), UpdateHospital(**profile(2)))
    world.settle()
    assert free_at(world, 2)
    assert world.state(EntityRef("dispatcher", "south")).hospitals["h"].candidate is None
    world.ask(ref("h"), RetireHospital())
    world.settle()
    assert free(world)[1] == pytest.approx(TRAVEL.seconds(CENTRE, FAR_OFF), abs=0.1)
    world.check_replay()


def test_an_older_word_of_a_hospital_changes_nothing_not_even_after_its_end(world: World) -> None:
    world.ask(ref("h"), RegisterHospital(**profile(3)))
    first = late(world, HospitalChanged)
    world.ask(ref("h"), UpdateHospital(**profile(6)))
    world.settle()
    world.bus.append(first)
    world.settle()
    assert free_at(world, 6)
    world.ask(ref("h"), RetireHospital())
    world.settle()
    known = world.dispatcher
    for message in [m for m in world.delivered if isinstance(m.command, HospitalChanged)]:
        world.bus.append(message)
    world.settle()
    assert world.dispatcher is known
    assert len(world.events(DISPATCHER, HospitalNoted)) == 2


def test_once_the_crew_has_chosen_it_is_that_one(world: World) -> None:
    opened(world, "near", 1, ("cath_lab",))
    progress(world, "u", "on_scene")
    to = Destination("chosen", "Chosen", north_of_centre(5))
    step = ProgressTask(task=only_task(world, "u").id, step="transporting", destination=to)
    world.ask(unit_ref("u"), step, crew("u"))
    world.settle()
    way_s = TRAVEL.seconds(to.location, FAR_OFF)
    assert free(world) == about(drive_s(5) + 400, way_s)
    load(world, "near", intake="closed")
    assert free(world)[1] == pytest.approx(way_s, abs=0.1)


def test_a_crew_that_does_not_say_is_expected_at_the_likely_one(world: World) -> None:
    opened(world, "h", 3)
    progress(world, "u", "on_scene", "transporting")
    way_s = TRAVEL.seconds(north_of_centre(3), FAR_OFF)
    assert free(world) == about(drive_s(3) + 400, way_s)
    progress(world, "u", "at_hospital")
    assert free(world) == about(400, way_s)


def test_who_waits_for_the_go_ahead_still_brings_the_patient_from_the_scene(world: World) -> None:
    opened(world, "h", 3)
    stage = StageEmergency(location=north_of_centre(9), reason="a knife")
    world.ask(EntityRef("emergency", "e"), stage)
    world.settle()
    assert free_at(world, 3)


def test_who_is_asked_is_expected_there_too() -> None:
    world = World(kinds(RULES, Preemptive()))
    opened(world, "h", 3)
    asked(world)
    raise_emergency(world, "f", 4, FAR_OFF)
    world.settle()
    assert free_at(world, 3)


@pytest.mark.parametrize("known", [True, False])
def test_a_call_beside_a_hospital_waits_for_the_unit_that_is_soon_free_there(known: bool) -> None:
    rules = DispatchRules(on_scene_s=0.0, transport_s=720.0, handover_s=10.0)
    world = World(kinds(rules, Lookahead()))
    if known:
        opened(world, "h", -1)
    asked(world)
    accept(world, "u")
    progress(world, "u", "en_route", "on_scene")
    on_duty(world, "v", 4)
    raise_emergency(world, "f", 2, north_of_centre(-1))
    world.settle()
    waited_for = [event.unit for event in world.events(DISPATCHER, EmergencyDeferred)]
    assert waited_for == (["u"] if known else [])
    assert offers(world)[1:] == ([] if known else [("f", "v")])


places = st.builds(
    Location, st.sampled_from([28.5, 28.6, 28.7]), st.sampled_from([77.1, 77.2, 77.25])
)
candidates = st.builds(
    Candidate,
    st.sampled_from(["h1", "h2", "h3", "h4"]),
    places,
    st.sampled_from([(), ("stroke",), ("cath_lab", "trauma")]),
    st.sampled_from(["open", "open", "open", "divert", "closed"]),
    st.sampled_from([0.0, 0.0, 450.0, 2000.0]),
)
words = st.lists(st.tuples(st.sampled_from(["h1", "h2", "h3"]), st.none() | candidates))


@settings(max_examples=60)
@given(st.lists(words, min_size=1, max_size=5))
def test_it_is_what_the_choice_says_whatever_was_said_before(rounds: list[Any]) -> None:
    """Several busy units, and hospitals that change: all of it as if it had never been other."""
    world = World(kinds(RULES, Preemptive()))
    scenes = {"e1": CENTRE, "e2": Location(28.7, 77.1), "e3": Location(28.5, 77.25)}
    for n, (emergency, scene) in enumerate(scenes.items()):
        on_duty(world, f"u{n}")
        raise_emergency(world, emergency, 2 + n % 2, scene)
        world.settle()
        accept(world, f"u{n}")
        world.settle()
    showing = Showing(TRAVEL, RULES)
    for revision, said in enumerate(rounds):
        for n, (hospital, one) in enumerate(said):
            candidate = None if one is None else Candidate(hospital, *values(one)[1:])
            word = HospitalChanged(
                hospital=hospital, revision=100 * revision + n + 1, candidate=candidate
            )
            world.ask(DISPATCHER, word, SYSTEM)
        here = sorted(
            (k.candidate for k in world.dispatcher.hospitals.values() if k.candidate is not None),
            key=lambda one: one.id,
        )
        for unit in showing.busy(world.dispatcher, world.now, {}):
            card = world.dispatcher.cases[unit.emergency].card
            found = choose(card.location, card.care, here, TRAVEL, world.now)
            by_id = {one.id: one.location for one in here}
            expected = by_id[found[0].hospital] if found else card.location
            assert unit.free_where == expected


def values(one: Candidate) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in one.__struct_fields__)
