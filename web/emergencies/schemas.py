"""What goes in and out of /api/emergencies, and what raises one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.domain.triage import Answer, TriageAnswers
from actors.domain.values import Location, Note, Phone, Priority, Region, Skills, Vehicles


class RaiseBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A call for help. What is left out of `answers` counts as unknown, never as harmless.

    `contact_phone` and `region`: else those of the patient's record. `vehicles`: the types that
    will do; empty: any.
    """

    location: Location
    symptoms: Annotated[tuple[Note, ...], Meta(max_length=20)] = ()
    answers: TriageAnswers = TriageAnswers()
    address: Note | None = None
    needs: Skills = ()
    vehicles: Vehicles = ()
    contact_phone: Phone | None = None
    region: Region | None = None


class CancelBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why no help is needed (any more)."""

    reason: Note


class PriorityBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The priority that staff set over triage's, and why."""

    priority: Priority
    reason: Note


class Question(Struct, frozen=True, kw_only=True):
    """One question for the caller. `answers`: the choices; a number has bounds instead."""

    id: str
    kind: Literal["choice", "number"]
    answers: tuple[Answer, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    unit: str | None = None


class Questions(Struct, frozen=True):
    """Most urgent first; ask them in this order."""

    questions: tuple[Question, ...]
