"""Where units stand and when, and where patients are brought: hospitals, stations and shifts as
their staff wrote them. What is live of them is their entities'. A row and the messages that tell
the entities are written in one transaction (storage/records/outbox.py). Nothing in here is of any
patient, so nothing is sealed. Imported by web/.
"""

from storage.resources.errors import ShiftsOverlap
from storage.resources.hospitals import Hospitals
from storage.resources.row import HospitalRow, ShiftFilter, ShiftRow, StationRow
from storage.resources.shifts import Shifts
from storage.resources.stations import Stations

__all__ = [
    "HospitalRow",
    "Hospitals",
    "ShiftFilter",
    "ShiftRow",
    "Shifts",
    "ShiftsOverlap",
    "StationRow",
    "Stations",
]
