"""What can go wrong besides what can with any record (storage/records/errors.py)."""

from __future__ import annotations

from storage.records import RecordsError


class ShiftsOverlap(RecordsError):
    """The unit has another shift at that time."""
