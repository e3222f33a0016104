"""The triage questions as data, read off the type that takes their answers."""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from actors.domain.triage import RULES, Answer, TriageAnswers
from web.emergencies.schemas import Question, Questions

_UNITS: Final = {"pain_score": "0-10", "age_years": "years"}


def _question(field: msgspec.inspect.Field) -> Question:
    if field.name in RULES:
        return Question(id=field.name, kind="choice", answers=get_args(Answer))
    assert isinstance(field.type, msgspec.inspect.UnionType), "a number or nothing"
    number = next(t for t in field.type.types if isinstance(t, msgspec.inspect.IntType))
    return Question(
        id=field.name,
        kind="number",
        minimum=number.ge,
        maximum=number.le,
        unit=_UNITS[field.name],
    )


def _read() -> Questions:
    answers = msgspec.inspect.type_info(TriageAnswers)
    assert isinstance(answers, msgspec.inspect.StructType)
    return Questions(tuple(map(_question, answers.fields)))


QUESTIONS: Final = _read()
