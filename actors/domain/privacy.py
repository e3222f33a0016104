"""What in the domain's Structs is a patient's own, and what stands there once it was erased.

Wherever such a Struct is stored, these fields are sealed under the patient's key. Whose they are:
the nearest `patient_id` at or above them, else the patient that the entity's behaviour names
(`Behaviour.concerns`). All else, ids, states, priorities, times, is what the service did; it stays
when a patient is erased, and entities load with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PATIENT: Final = "patient_id"
"""The field that says whose an object is."""

ERASED: Final = "[erased]"

PRIVATE: Final[Mapping[str, Any]] = {
    "address": ERASED,
    "answers": {},
    "contact_phone": ERASED,
    "location": {"lat": 0.0, "lon": 0.0},
    "needs": [],
    "note": ERASED,
    "reason": ERASED,
    "reasons": [],
    "staging": {"lat": 0.0, "lon": 0.0},
    "symptoms": [ERASED],
    "triage_reasons": [],
    "why": ERASED,
}
"""Each private field, and its value (as in JSON) after erasure: one that the field's type takes."""

WORDS: Final = frozenset(
    {"all_busy", "cancelled", "closed", "merged", "none_on_duty", "none_with_skills"}
)
"""A `reason` that is one of these is the system's own word, and may have to be one of them."""


def private(name: str, value: Any) -> bool:
    """Whether this field of this value (as in JSON) holds anything that is a patient's own."""
    return name in PRIVATE and bool(value) and not (isinstance(value, str) and value in WORDS)
