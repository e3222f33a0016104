"""One row of the export: one unit's life on one call."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.values import Location


class Row(Struct, frozen=True, kw_only=True):
    """Times are epoch seconds, None where there is none. `sequence`: the unit's in its call."""

    call: str
    unit: str
    unit_type: str
    als: bool
    sequence: int
    call_type: str
    original_priority: str
    final_priority: str
    address: str
    station: str
    location: Location
    received_at: float
    dispatch_at: float | None
    response_at: float | None
    on_scene_at: float | None
    transport_at: float | None
    hospital_at: float | None
    available_at: float | None
