"""What can go wrong with records.

RecordsError
├── RecordsUnavailable   PostgreSQL is out of reach, or was lost with the outcome unknown
├── KeyReused            the command id already created something from another request
└── NoSuchRecord         there is none with this id; `deleted` says that there was one
"""

from __future__ import annotations


class RecordsError(Exception):
    """Base of the records' errors. No message ever quotes a row's values."""


class RecordsUnavailable(RecordsError):
    """Ask again; a creation is safe to repeat with the same command id."""


class KeyReused(RecordsError):
    """A command id names one creation for ever."""


class NoSuchRecord(RecordsError):
    """Not there, or not there any more."""

    def __init__(self, kind: str, *, deleted: bool = False) -> None:
        super().__init__(f"this {kind} {'was deleted' if deleted else 'does not exist'}")
        self.kind = kind
        self.deleted = deleted
