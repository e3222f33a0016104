"""Which hospital a patient is brought to: pure, from travel, capability and load.

What the patient needs comes first: a hospital that lacks it, or takes nobody in, is passed for any
that does not, however near. Among equals it is the sum of the drive and of the wait for the
handover that counts, for the unit is gone from its area until both are over. The rule in short:
nearest appropriate facility, and load only decides between appropriate ones.
"""

from __future__ import annotations

from collections.abc import Sequence
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
BURNS: Final = "burns"

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
    ranked = []
    for hospital in hospitals:
        lacks = tuple(need for need in needs if need not in hospital.capabilities)
        travel_s = travel.seconds(location, hospital.location, now)
        total_s = travel_s + hospital.wait_s
        key = (hospital.intake == "closed", len(lacks), hospital.intake == "divert", total_s)
        ranked.append((key, hospital, lacks, travel_s))
    ranked.sort(key=lambda one: one[0])
    nearest_s = min((travel_s for *_, travel_s in ranked), default=0.0)
    return tuple(
        HospitalChoice(
            hospital=hospital.id,
            travel_s=travel_s,
            wait_s=hospital.wait_s,
            lacks=lacks,
            intake=hospital.intake,
            reason=_reason(hospital, lacks, needs, travel_s, nearest_s),
        )
        for _, hospital, lacks, travel_s in ranked
    )


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
