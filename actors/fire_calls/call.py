"""A call of the record, what was done for it then, and how a caller of it would answer triage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from actors.domain.triage import RULES, TriageAnswers
from actors.domain.values import Location
from actors.fire_calls.row import Row

# Unit types that carry patients: what they did is what an ambulance would do for it again.
AMBULANCES: Final = frozenset({"MEDIC", "PRIVATE"})
# Call types with a patient at their centre; alarms, fires and assistance mostly have none.
MEDICAL: Final = frozenset({"Medical Incident", "Traffic Collision", "Water Rescue"})

# Where the record is silent. A crew that finds nobody looks for five minutes; the turnaround at
# the hospital is the median of the published days.
LOOKED_FOR_S: Final = 300.0
TURNAROUND_S: Final = 2100.0
# Longer than this on one scene is a unit that was forgotten in the record.
LONGEST_S: Final = 4 * 3600.0

# By triage class: what a caller says that leads exactly there. Class 4 is all harmless.
_HARMLESS: Final = {question: min(by, key=lambda a: -by[a]) for question, by in RULES.items()}
_TELLING: Final[Mapping[int, Mapping[str, object]]] = {
    1: {"conscious": "no", "breathing": "no"},
    2: {"breathing_difficulty": "yes"},
    3: {"pain_score": 5},
    4: {},
}


class Service(Struct, frozen=True, kw_only=True):
    """How long a crew is busy with a call, seconds. `hospital_s`: from arriving there to free."""

    on_scene_s: float
    transport: bool = False
    hospital_s: float = 0.0


UNKNOWN_SERVICE: Final = Service(on_scene_s=LOOKED_FOR_S)


class Call(Struct, frozen=True, kw_only=True):
    """`received_at`: epoch seconds. `priority`: 1 to 4. `imputed`: no unit's work was recorded."""

    id: str
    received_at: float
    priority: int
    type: str
    address: str
    location: Location
    service: Service
    imputed: bool = False


def priority_of(row: Row) -> int:
    """Our class: E (echo) 1; final priority 3: 2 with a patient, else 3; others one class less."""
    if row.original_priority == "E":
        return 1
    medical = row.call_type in MEDICAL
    if row.final_priority == "3":
        return 2 if medical else 3
    return 3 if medical else 4


def answers_for(priority: int) -> TriageAnswers:
    """What a caller says so that triage gives this class."""
    told = {**_HARMLESS, "pain_score": 0, "age_years": 40, **_TELLING[priority]}
    return TriageAnswers(**told)  # type: ignore[arg-type]  # its fields, of several types


def call_of(rows: Sequence[Row]) -> Call:
    """The call that these rows, at least one, are the units of."""
    first = min(rows, key=lambda row: row.sequence)
    worked = _first_on_scene(rows)
    return Call(
        id=first.call,
        received_at=first.received_at,
        priority=priority_of(first),
        type=first.call_type,
        address=first.address,
        location=first.location,
        service=UNKNOWN_SERVICE if worked is None else service_of(worked),
        imputed=worked is None,
    )


def _first_on_scene(rows: Sequence[Row]) -> Row | None:
    """The first ambulance to arrive, else the first unit of any type."""
    arrived = [row for row in rows if row.on_scene_at is not None]
    arrived.sort(key=lambda row: (row.unit_type not in AMBULANCES, row.on_scene_at, row.unit))
    return arrived[0] if arrived else None


def service_of(row: Row) -> Service:
    """What a unit that arrived did, as far as its times make sense."""
    assert row.on_scene_at is not None, "only of a unit that arrived"
    left_at = row.transport_at or row.available_at
    on_scene_s = LOOKED_FOR_S if left_at is None else _bounded(left_at - row.on_scene_at)
    if row.transport_at is None:
        return Service(on_scene_s=on_scene_s)
    # Where the hospital stands before the transport, one button was pressed late: take the later.
    at_hospital = max(row.hospital_at or 0.0, row.transport_at)
    known = row.hospital_at is not None and row.available_at is not None
    return Service(
        on_scene_s=on_scene_s,
        transport=True,
        hospital_s=_bounded((row.available_at or 0.0) - at_hospital) if known else TURNAROUND_S,
    )


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_S)
