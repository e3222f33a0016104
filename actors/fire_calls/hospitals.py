"""Receiving hospitals of San Francisco: the export says when a patient arrived, not where.

Positions of the emergency departments, WGS 84, to about 100 m.
"""

from __future__ import annotations

from typing import Final

from actors.domain.values import Location

SAN_FRANCISCO: Final = (
    Location(37.7557, -122.4047),  # Zuckerberg San Francisco General
    Location(37.7629, -122.4579),  # UCSF Parnassus
    Location(37.7666, -122.3903),  # UCSF Mission Bay
    Location(37.7857, -122.4217),  # CPMC Van Ness
    Location(37.7481, -122.4208),  # CPMC Mission Bernal
    Location(37.7687, -122.4346),  # CPMC Davies
    Location(37.7893, -122.4166),  # Saint Francis Memorial
    Location(37.7739, -122.4546),  # St. Mary's
    Location(37.7824, -122.4426),  # Kaiser Geary
    Location(37.7820, -122.5050),  # Veterans Affairs
    Location(37.7955, -122.4091),  # Chinese Hospital
)
