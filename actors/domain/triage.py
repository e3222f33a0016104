"""From a caller's answers to a priority, its reasons, and the skills a crew must have.

A rule table of our own, in the manner of telephone triage: the four classes are those of the NHS
England Ambulance Response Programme (1 life-threatening, 2 emergency, 3 urgent, 4 less urgent),
the leading questions (breathing, consciousness, bleeding) those that START and AMPDS put first.
It is NOT a certified protocol; staff can override its result (OverridePriority), audited.

Each answer proposes a class, the most urgent proposal wins. So two things hold by construction:
a worse answer never lowers the urgency, and "unknown" is never less urgent than the harmless
answer. Not knowing whether somebody breathes or is awake is an emergency in itself (class 2);
class 4 is only given to a caller who could answer everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.domain.values import ALS, BLS, Priority, Skills

Answer = Literal["yes", "no", "unknown"]


class TriageAnswers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the caller said. Ages in years; pain on the numeric rating scale 0–10."""

    breathing: Answer = "unknown"
    conscious: Answer = "unknown"
    breathing_difficulty: Answer = "unknown"
    severe_bleeding: Answer = "unknown"
    seizure_now: Answer = "unknown"
    severe_allergic_reaction: Answer = "unknown"
    chest_pain: Answer = "unknown"
    stroke_signs: Answer = "unknown"
    in_labour: Answer = "unknown"
    high_energy_trauma: Answer = "unknown"
    pain_score: Annotated[int, Meta(ge=0, le=10)] | None = None
    age_years: Annotated[int, Meta(ge=0, le=130)] | None = None


class Triage(Struct, frozen=True):
    """The result. `reasons`: the answers that led to this class, most urgent first."""

    priority: Priority
    reasons: tuple[str, ...]
    needs: Skills


# question -> answer -> class. Every question knows all three answers.
RULES: Mapping[str, Mapping[Answer, int]] = {
    "breathing": {"no": 1, "unknown": 2, "yes": 4},
    "conscious": {"no": 1, "unknown": 2, "yes": 4},
    "severe_bleeding": {"yes": 1, "unknown": 3, "no": 4},
    "seizure_now": {"yes": 1, "unknown": 3, "no": 4},
    "severe_allergic_reaction": {"yes": 1, "unknown": 3, "no": 4},
    "breathing_difficulty": {"yes": 2, "unknown": 3, "no": 4},
    "chest_pain": {"yes": 2, "unknown": 3, "no": 4},
    "stroke_signs": {"yes": 2, "unknown": 3, "no": 4},
    "in_labour": {"yes": 2, "unknown": 3, "no": 4},
    "high_energy_trauma": {"yes": 2, "unknown": 3, "no": 4},
}

# Numeric rating scale: 7–10 is conventionally "severe", 4–6 "moderate".
SEVERE_PAIN = 7
MODERATE_PAIN = 4
# The first year of life and old age deteriorate faster: never the last class.
INFANT_YEARS = 1
FRAIL_YEARS = 75
# Classes 1 and 2 get advanced life support, the others basic.
ALS_UP_TO = 2


def _pain(score: int | None) -> tuple[int, str]:
    if score is None:
        return 3, "pain_score:unknown"
    urgency = 2 if score >= SEVERE_PAIN else 3 if score >= MODERATE_PAIN else 4
    return urgency, f"pain_score:{score}"


def _age(years: int | None) -> tuple[int, str]:
    if years is None:
        return 3, "age_years:unknown"
    return (3 if years < INFANT_YEARS or years >= FRAIL_YEARS else 4), f"age_years:{years}"


def triage(answers: TriageAnswers) -> Triage:
    """The class of a caller's answers. Total: every combination has one."""
    proposals = [
        (by_answer[answer], f"{question}:{answer}")
        for question, by_answer in RULES.items()
        for answer in (getattr(answers, question),)
    ]
    proposals += [_pain(answers.pain_score), _age(answers.age_years)]
    priority = min(urgency for urgency, _ in proposals)
    reasons = tuple(reason for urgency, reason in proposals if urgency == priority)
    needs = (ALS,) if priority <= ALS_UP_TO else (BLS,)
    return Triage(priority, reasons if priority < 4 else ("all_answers_harmless",), needs)
