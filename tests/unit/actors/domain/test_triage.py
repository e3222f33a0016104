"""Triage: classes, caution, and that a worse answer never helps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.triage import RULES, TriageAnswers, triage
from tests.unit.actors.domain.cast import HARMLESS

answer = st.sampled_from(["yes", "no", "unknown"])
answers = st.builds(
    TriageAnswers,
    **dict.fromkeys(RULES, answer),
    pain_score=st.none() | st.integers(0, 10),
    age_years=st.none() | st.integers(0, 130),
)


@given(answers, st.sampled_from(list(RULES)))
def test_a_worse_answer_never_lowers_the_urgency(caller: TriageAnswers, question: str) -> None:
    good = "yes" if question in ("breathing", "conscious") else "no"
    bad = "no" if good == "yes" else "yes"
    best, unsure, worst = (
        triage(replace(caller, **{question: said})).priority for said in (good, "unknown", bad)
    )
    assert worst <= unsure <= best


@given(answers, st.integers(0, 10), st.integers(0, 10))
def test_more_pain_never_lowers_the_urgency(caller: TriageAnswers, a: int, b: int) -> None:
    less, more = sorted((a, b))
    assert (
        triage(replace(caller, pain_score=more)).priority
        <= triage(replace(caller, pain_score=less)).priority
    )


@given(answers)
def test_every_caller_gets_a_class_a_reason_and_a_crew(caller: TriageAnswers) -> None:
    result = triage(caller)
    assert 1 <= result.priority <= 4
    assert result.reasons
    assert result.needs == (("als",) if result.priority <= 2 else ("bls",))


def test_a_caller_who_can_answer_nothing_is_an_emergency() -> None:
    result = triage(TriageAnswers())
    assert result.priority == 2
    assert result.reasons == ("breathing:unknown", "conscious:unknown")


def test_only_a_caller_who_answered_everything_is_in_the_last_class() -> None:
    assert triage(HARMLESS).priority == 4
    for field in TriageAnswers.__struct_fields__:
        unanswered = replace(HARMLESS, **{field: getattr(TriageAnswers(), field)})
        assert triage(unanswered).priority < 4, field


@pytest.mark.parametrize(
    ("field", "said", "priority"),
    [
        ("breathing", "no", 1),
        ("conscious", "no", 1),
        ("severe_bleeding", "yes", 1),
        ("seizure_now", "yes", 1),
        ("severe_allergic_reaction", "yes", 1),
        ("breathing_difficulty", "yes", 2),
        ("chest_pain", "yes", 2),
        ("stroke_signs", "yes", 2),
        ("in_labour", "yes", 2),
        ("high_energy_trauma", "yes", 2),
        ("pain_score", 7, 2),
        ("pain_score", 4, 3),
        ("age_years", 0, 3),
        ("age_years", 75, 3),
    ],
)
def test_one_finding_alone_sets_the_class(field: str, said: object, priority: int) -> None:
    result = triage(replace(HARMLESS, **{field: said}))
    assert result.priority == priority
    assert result.reasons == (f"{field}:{said}",)
