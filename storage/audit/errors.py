"""What can go wrong with the trail.

AuditError
├── AuditUnavailable    the trail cannot be written or read now; what must be audited is refused
└── HeadsUnavailable    the object store, where chain heads are kept, cannot be used now
"""

from __future__ import annotations


class AuditError(Exception):
    """Base of the trail's errors. No message ever quotes an entry."""


class AuditUnavailable(AuditError):
    """Not now. What was to be audited has not been, and so must not happen.

    `kept`: its line waits all the same, and may be written later.
    """

    def __init__(self, message: str, *, kept: bool = False) -> None:
        super().__init__(message)
        self.kept = kept


class HeadsUnavailable(AuditError):
    """Heads were not written, or cannot be checked."""
