"""Which hospital a patient is brought to: pure, from travel, capability and load.

What the patient needs comes first: a hospital that lacks it, or takes nobody in, is passed for any
that does not, however near. Among equals it is the sum of the drive and of the wait for the
handover that counts, for the unit is gone from its area until both are over. The rule in short:
nearest appropriate facility, and load only decides between appropriate ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from actors.domain.travel import TravelEstimate
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location

# divert: takes in only whom nobody else can; closed: nobody.
Intake = Literal["open", "divert", "closed"]

TRAUMA: Final = "trauma"
STROKE: Final = "stroke"
CATH_LAB: Final = "cath_lab"
PAEDIATRIC: Final = "paediatric"
MATERNITY: Final = "maternity"

# Question -> what a hospital must have for the answer "yes".
_BY_ANSWER: Final = {
    "chest_pain": CATH_LAB,
    "stroke_signs": STROKE,
    "high_energy_trauma": TRAUMA,
    "severe_bleeding": TRAUMA,
    "in_labour": MATERNITY,
}
# Below it a patient goes to a children's department (the age that most systems draw the line at).
ADULT_YEARS: Final = 16


class Candidate(Struct, frozen=True):
    """A hospital that may be chosen. `wait_s`: until an ambulance that comes is free again."""

    id: str
    location: Location
    capabilities: tuple[str, ...] = ()
    intake: Intake = "open"
    wait_s: float = 0.0


# Whether it is closed, how much it lacks, whether it is on divert; drive and wait, seconds.
Standing = tuple[bool, int, bool, float]
# Of one that is open and has all that is needed.
SUITABLE: Final = (False, 0, False)


class HospitalChoice(Struct, frozen=True):
    """One hospital, ranked. `lacks`: of what is needed. `reason`: for the crew, in a few words."""

    hospital: str
    travel_s: float
    wait_s: float
    lacks: tuple[str, ...]
    intake: Intake
    reason: str

    @property
    def suitable(self) -> bool:
        return not self.lacks and self.intake == "open"


# Asked at each step of each emergency.
@lru_cache(maxsize=1024)
def care_needed(answers: TriageAnswers) -> tuple[str, ...]:
    """What a hospital should have for a patient who was described like this."""
    found = {
        capability
        for question, capability in _BY_ANSWER.items()
        if getattr(answers, question) == "yes"
    }
    if answers.age_years is not None and answers.age_years < ADULT_YEARS:
        found.add(PAEDIATRIC)
    return tuple(sorted(found))


def choose(
    location: Location,
    needs: Sequence[str],
    hospitals: Sequence[Candidate],
    travel: TravelEstimate,
    now: float = 0.0,
) -> tuple[HospitalChoice, ...]:
    """All of them, best first; empty where there are none.

    Order: those that take somebody in before the closed, those that have what is needed before the
    others, the open before those on divert, then drive and wait together. Equals stay in the order
    given: by id in the live system, as in its file in a scenario. With no needs, no load and all
    open that is "the shortest travel, the first on ties".
    """
    ways = [travel.seconds(location, hospital.location, now) for hospital in hospitals]
    ranked = sorted(
        zip(hospitals, ways, strict=True), key=lambda one: standing(one[0], needs, one[1])
    )
    nearest_s = min(ways, default=0.0)
    return tuple(
        HospitalChoice(
            hospital=hospital.id,
            travel_s=travel_s,
            wait_s=hospital.wait_s,
            lacks=_lacks(hospital, needs),
            intake=hospital.intake,
            reason=_reason(hospital, _lacks(hospital, needs), needs, travel_s, nearest_s),
        )
        for hospital, travel_s in ranked
    )


def standing(hospital: Candidate, needs: Sequence[str], travel_s: float) -> Standing:
    """The sort key of `choose`: the least is the best."""
    intake, lacks = hospital.intake, len(_lacks(hospital, needs)) if needs else 0
    return (intake == "closed", lacks, intake == "divert", travel_s + hospital.wait_s)


def _lacks(hospital: Candidate, needs: Sequence[str]) -> tuple[str, ...]:
    return tuple(need for need in needs if need not in hospital.capabilities)


def _reason(
    hospital: Candidate,
    lacks: tuple[str, ...],
    needs: Sequence[str],
    travel_s: float,
    nearest_s: float,
) -> str:
    if hospital.intake == "closed":
        return "closed"
    words = []
    if lacks:
        words.append(f"has no {', '.join(lacks)}")
    elif needs:
        words.append(f"has {', '.join(needs)}")
    if hospital.intake == "divert":
        words.append("on divert")
    later_s = travel_s - nearest_s
    words.append("nearest" if later_s <= 0 else f"{_minutes(later_s)} farther than the nearest")
    if hospital.wait_s > 0:
        words.append(f"handover in about {_minutes(hospital.wait_s)}")
    return "; ".join(words)


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min"
