"""Which hospital: need first, then intake, then drive and wait; equals as they were given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.hospital.choice import Candidate, care_needed, choose
from actors.domain.travel import GreatCircle
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location

TRAVEL = GreatCircle()
SCENE = Location(12.97, 77.59)


def at(km: float) -> Location:
    """So many kilometres north of the scene."""
    return Location(SCENE.lat + km / 111.195, SCENE.lon)


def order(needs: tuple[str, ...], *hospitals: Candidate) -> list[str]:
    return [choice.hospital for choice in choose(SCENE, needs, hospitals, TRAVEL)]


def test_what_the_patient_needs_counts_before_how_far_it_is() -> None:
    near, far = Candidate("near", at(1)), Candidate("far", at(9), ("cath_lab", "stroke"))
    assert order(("cath_lab",), near, far) == ["far", "near"]
    assert order((), near, far) == ["near", "far"]
    best, other = choose(SCENE, ("cath_lab",), (near, far), TRAVEL)
    assert best.suitable and best.reason.startswith("has cath_lab; ")
    assert not other.suitable and other.lacks == ("cath_lab",)


def test_who_takes_nobody_in_comes_last_and_who_diverts_only_where_nobody_else_can() -> None:
    closed = Candidate("closed", at(1), ("stroke",), "closed")
    divert = Candidate("divert", at(2), ("stroke",), "divert")
    plain, stroke = Candidate("plain", at(3)), Candidate("stroke", at(30), ("stroke",))
    assert order(("stroke",), closed, divert, plain, stroke) == [
        "stroke",
        "divert",
        "plain",
        "closed",
    ]


def test_a_wait_at_the_door_counts_like_a_drive() -> None:
    busy = Candidate("busy", at(1), wait_s=1800.0)
    assert order((), busy, Candidate("calm", at(5))) == ["calm", "busy"]
    assert order((), busy, Candidate("remote", at(40))) == ["busy", "remote"]


@given(
    st.lists(
        st.builds(Location, st.floats(12, 13), st.floats(77, 78)), min_size=1, max_size=8
    ).flatmap(lambda places: st.lists(st.sampled_from(places), min_size=1, max_size=8))
)
def test_without_needs_and_load_it_is_the_nearest_and_the_first_on_ties(
    places: list[Location],
) -> None:
    hospitals = [Candidate(str(n), place) for n, place in enumerate(places)]
    nearest = min(range(len(places)), key=lambda n: TRAVEL.seconds(SCENE, places[n]))
    assert order((), *hospitals)[0] == str(nearest)


def test_what_the_caller_said_says_what_a_hospital_must_have() -> None:
    answers = TriageAnswers(chest_pain="yes", stroke_signs="no", age_years=9)
    assert care_needed(answers) == ("cath_lab", "paediatric")
    assert care_needed(TriageAnswers()) == ()
