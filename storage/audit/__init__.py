"""The audit trail: who did or saw what, of whom, when, from where, and how it ended.

Written through `AuditTrail`, read through `AuditLog`, verified by verify_postgres.py against the
chains and against their heads in the object store. For `web/`; nothing here imports it.
"""

from storage.audit.entry import ANONYMOUS, AuditEntry, Outcome
from storage.audit.errors import AuditError, AuditUnavailable, HeadsUnavailable
from storage.audit.trail import FLUSH_WITHIN_S, AuditTrail
from storage.audit.trail_memory import MemoryAuditTrail
from storage.audit.trail_postgres import PostgresAuditTrail

__all__ = [
    "ANONYMOUS",
    "FLUSH_WITHIN_S",
    "AuditEntry",
    "AuditError",
    "AuditTrail",
    "AuditUnavailable",
    "HeadsUnavailable",
    "MemoryAuditTrail",
    "Outcome",
    "PostgresAuditTrail",
]
